import { dhkemX25519, hpke, mlKem768X25519Kem, nativeProvider } from '@sotto/crypto';
import type { HpkeKem } from '@sotto/crypto';

/**
 * The primitives that an operation cannot do without: what `members` asks of them and nothing else, through
 * `CryptoProvider`. Milliseconds by name, more samples of what is quick.
 */
export function floor(members: number, hybrid: boolean): Readonly<Record<string, number[]>> {
  const provider = nativeProvider();
  const kem: HpkeKem = hybrid ? mlKem768X25519Kem : dhkemX25519;
  const hash = hybrid ? 'sha384' : 'sha256';
  const suite = hpke(provider, { kem, kdf: hash, aead: hybrid ? 'aes-256-gcm' : 'aes-128-gcm' });
  const [none, secret] = [new Uint8Array(0), provider.random(hybrid ? 48 : 32)];
  const own = provider.generate(kem.kind);
  const peer = provider.importPublic(kem.kind, own.publicKey);
  const signer = provider.generate('ed25519');
  const verifier = provider.importPublic('ed25519', signer.publicKey);
  const leaf = provider.random(300);
  const signature = provider.sign(signer, leaf);
  const info = suite.prepareInfo(none);
  const sealed = suite.seal(peer, { info }, secret, none);
  const depth = Math.ceil(Math.log2(members));
  const verify = (): unknown => provider.verify(verifier, leaf, signature);
  const importKeys = (): unknown => [
    provider.importPublic(kem.kind, own.publicKey),
    provider.importPublic('ed25519', signer.publicKey),
  ];
  const seal = (): unknown => suite.seal(peer, { info }, secret, none);
  const derive = (): unknown => suite.deriveKeyPair(secret).publicKey;
  const key = provider.random(hybrid ? 32 : 16);
  const nonce = provider.random(12);
  const ratchet = (): void => {
    for (let i = 0; i < 5; i++) provider.hkdfExpand(hash, secret, leaf.subarray(0, 40), 32);
  };
  const box = provider.seal(hybrid ? 'aes-256-gcm' : 'aes-128-gcm', key, nonce, leaf, leaf);
  const work: Readonly<Record<string, () => void>> = {
    'floor-keypackage': () => {
      for (let i = 0; i < 2; i++) provider.generate(kem.kind).publicKey.at(0);
      for (let i = 0; i < 2; i++) provider.sign(signer, leaf);
    },
    'floor-add-all': () => {
      for (let i = 1; i < members; i++) {
        importKeys();
        verify();
        verify();
        seal();
      }
    },
    'floor-join': () => {
      for (let i = 0; i < members; i++) {
        importKeys();
        verify();
      }
      suite.open(own, sealed, { info }, none);
    },
    'floor-encrypt': () => {
      ratchet();
      provider.sign(signer, leaf);
      provider.seal(hybrid ? 'aes-256-gcm' : 'aes-128-gcm', key, nonce, leaf, leaf);
    },
    'floor-decrypt': () => {
      ratchet();
      provider.open(hybrid ? 'aes-256-gcm' : 'aes-128-gcm', key, nonce, box, leaf);
      verify();
    },
    'floor-update-blank-tree': () => {
      for (let i = 1; i < members; i++) seal();
      for (let i = 0; i < depth; i++) derive();
      for (let i = 0; i < 2; i++) provider.sign(signer, leaf);
    },
    'floor-update-full-tree': () => {
      for (let i = 0; i < depth; i++) {
        seal();
        derive();
      }
      for (let i = 0; i < 2; i++) provider.sign(signer, leaf);
    },
    'floor-process-commit': () => {
      for (let i = 0; i < 2; i++) verify();
      suite.open(own, sealed, { info }, none);
      for (let i = 0; i < depth / 2; i++) derive();
      for (let i = 0; i < 2 * depth; i++) provider.hash(hash, leaf);
    },
  };
  return Object.fromEntries(
    Object.entries(work).map(([name, run]) => {
      run();
      const samples: number[] = [];
      const until = performance.now() + 100;
      do {
        const from = performance.now();
        run();
        samples.push(performance.now() - from);
      } while (performance.now() < until && samples.length < 100);
      return [name, samples];
    }),
  );
}
