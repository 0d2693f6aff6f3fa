import type { CryptoProvider } from '@sotto/crypto';
import { bytesAt, fieldsOf, numberAt, textAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { compare } from '../outcome.ts';
import type { Difference } from '../outcome.ts';
import { privateKeyAt, suiteOf } from './suite.ts';

export function cryptoBasics(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const ref = fieldsOf(fields['ref_hash']);
  const expand = fieldsOf(fields['expand_with_label']);
  const derive = fieldsOf(fields['derive_secret']);
  const tree = fieldsOf(fields['derive_tree_secret']);
  using expanded = crypto.expandWithLabel(
    bytesAt(expand, 'secret'),
    textAt(expand, 'label'),
    bytesAt(expand, 'context'),
    numberAt(expand, 'length'),
  );
  using derived = crypto.deriveSecret(bytesAt(derive, 'secret'), textAt(derive, 'label'));
  using fromTree = crypto.deriveTreeSecret(
    bytesAt(tree, 'secret'),
    textAt(tree, 'label'),
    numberAt(tree, 'generation'),
    numberAt(tree, 'length'),
  );
  return (
    compare('RefHash', crypto.refHash(textAt(ref, 'label'), bytesAt(ref, 'value')), bytesAt(ref, 'out')) ??
    compare('ExpandWithLabel', expanded.reveal(), bytesAt(expand, 'out')) ??
    compare('DeriveSecret', derived.reveal(), bytesAt(derive, 'out')) ??
    compare('DeriveTreeSecret', fromTree.reveal(), bytesAt(tree, 'out')) ??
    signing(fieldsOf(fields['sign_with_label']), crypto) ??
    encryption(fieldsOf(fields['encrypt_with_label']), crypto)
  );
}

function signing(fields: Fields, crypto: ReturnType<typeof suiteOf>): Difference {
  const verifier = crypto.importVerifier(bytesAt(fields, 'pub'));
  const [label, content] = [textAt(fields, 'label'), bytesAt(fields, 'content')];
  const made = crypto.sign(crypto.importSigner(privateKeyAt(fields, 'priv', crypto, 'signature')), label, content);
  if (!crypto.verify(verifier, label, bytesAt(fields, 'signature'), content)) return 'the signature does not verify';
  return crypto.verify(verifier, label, made, content) ? null : 'an own signature does not verify';
}

function encryption(fields: Fields, crypto: ReturnType<typeof suiteOf>): Difference {
  const own = crypto.importKey(privateKeyAt(fields, 'priv', crypto, 'encryption'));
  const [label, context, plaintext] = [
    textAt(fields, 'label'),
    bytesAt(fields, 'context'),
    bytesAt(fields, 'plaintext'),
  ];
  const sealed = { encapsulated: bytesAt(fields, 'kem_output'), ciphertext: bytesAt(fields, 'ciphertext') };
  const again = crypto.encrypt(crypto.importPublicKey(bytesAt(fields, 'pub')), label, context, plaintext);
  for (const message of [sealed, again]) {
    const opened = crypto.decrypt(own, label, context, message);
    if (opened === null) return 'a ciphertext does not open';
    const difference = compare('plaintext', opened, plaintext);
    if (difference !== null) return difference;
  }
  return null;
}
