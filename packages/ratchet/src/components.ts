import { hpke } from '@sotto/crypto';
import type { CryptoProvider, Hpke } from '@sotto/crypto';
