// libsignal behind the interface of ../suites/pairwise.ts. Its stores keep serialised records, as an application's
// database would: every operation reads records and writes records, like Sotto's.
import * as signal from '@signalapp/libsignal-client';

class Sessions extends signal.SessionStore {
  record = null;
  async saveSession(_name, record) {
    this.record = record.serialize();
  }
  async getSession() {
    return this.record === null ? null : signal.SessionRecord.deserialize(this.record);
  }
  async getExistingSessions() {
    return [await this.getSession()];
  }
}

class Identity extends signal.IdentityKeyStore {
  own = signal.PrivateKey.generate();
  async getIdentityKey() {
    return this.own;
  }
  async getLocalRegistrationId() {
    return 1;
  }
  async saveIdentity() {
    return signal.IdentityChange.NewOrUnchanged;
  }
  async isTrustedIdentity() {
    return true;
  }
  async getIdentity() {
    return null;
  }
}

class Prekeys extends signal.PreKeyStore {
  records = new Map();
  async savePreKey(id, record) {
    this.records.set(id, record.serialize());
  }
  async getPreKey(id) {
    return signal.PreKeyRecord.deserialize(this.records.get(id));
  }
  async removePreKey(id) {
    this.records.delete(id);
  }
}

class SignedPrekeys extends signal.SignedPreKeyStore {
  records = new Map();
  async saveSignedPreKey(id, record) {
    this.records.set(id, record.serialize());
  }
  async getSignedPreKey(id) {
    return signal.SignedPreKeyRecord.deserialize(this.records.get(id));
  }
}

class KyberPrekeys extends signal.KyberPreKeyStore {
  records = new Map();
  async saveKyberPreKey(id, record) {
    this.records.set(id, record.serialize());
  }
  async getKyberPreKey(id) {
    return signal.KyberPreKeyRecord.deserialize(this.records.get(id));
  }
  async markKyberPreKeyUsed(id) {
    this.records.delete(id);
  }
}

class SenderKeys extends signal.SenderKeyStore {
  record = null;
  async saveSenderKey(_sender, _id, record) {
    this.record = record.serialize();
  }
  async getSenderKey() {
    return this.record === null ? null : signal.SenderKeyRecord.deserialize(this.record);
  }
}

function party(ownName, peerName) {
  const own = signal.ProtocolAddress.new(ownName, 1);
  const peer = signal.ProtocolAddress.new(peerName, 1);
  const sessions = new Sessions();
  const identity = new Identity();
  const prekeys = new Prekeys();
  const signed = new SignedPrekeys();
  const kyber = new KyberPrekeys();
  const signedKey = signal.PrivateKey.generate();
  const signedSignature = identity.own.sign(signedKey.getPublicKey().serialize());
  const ready = signed.saveSignedPreKey(
    1,
    signal.SignedPreKeyRecord.new(1, 1, signedKey.getPublicKey(), signedKey, signedSignature),
  );
  let nextId = 1;
  return {
    async bundle() {
      await ready;
      const id = nextId++;
      const oneTime = signal.PrivateKey.generate();
      await prekeys.savePreKey(id, signal.PreKeyRecord.new(id, oneTime.getPublicKey(), oneTime));
      const kem = signal.KEMKeyPair.generate();
      const kemSignature = identity.own.sign(kem.getPublicKey().serialize());
      await kyber.saveKyberPreKey(id, signal.KyberPreKeyRecord.new(id, 1, kem, kemSignature));
      return signal.PreKeyBundle.new(
        1,
        1,
        id,
        oneTime.getPublicKey(),
        1,
        signedKey.getPublicKey(),
        signedSignature,
        identity.own.getPublicKey(),
        id,
        kem.getPublicKey(),
        kemSignature,
      );
    },
    forget() {
      sessions.record = null;
    },
    async start(bundle, text) {
      await signal.processPreKeyBundle(bundle, peer, own, sessions, identity);
      return (await signal.signalEncrypt(text, peer, own, sessions, identity)).serialize();
    },
    async accept(sealed) {
      const message = signal.PreKeySignalMessage.deserialize(sealed);
      return signal.signalDecryptPreKey(message, peer, own, sessions, identity, prekeys, signed, kyber);
    },
    async encrypt(text) {
      return (await signal.signalEncrypt(text, peer, own, sessions, identity)).serialize();
    },
    async decrypt(sealed) {
      return signal.signalDecrypt(signal.SignalMessage.deserialize(sealed), peer, own, sessions, identity);
    },
  };
}

/** Two parties that do not know each other yet. */
export async function parties() {
  return [party('anh', 'binh'), party('binh', 'anh')];
}

/** A sender key at its owner and at one receiver. */
export async function senderKey() {
  const sender = signal.ProtocolAddress.new('anh', 1);
  const own = new SenderKeys();
  const theirs = new SenderKeys();
  const id = '11111111-2222-4333-8444-555555555555';
  const distribution = await signal.SenderKeyDistributionMessage.create(sender, id, own);
  await signal.processSenderKeyDistributionMessage(
    sender,
    signal.SenderKeyDistributionMessage.deserialize(distribution.serialize()),
    theirs,
  );
  return {
    encrypt: async (text) => (await signal.groupEncrypt(sender, id, own, text)).serialize(),
    decrypt: async (sealed) => signal.groupDecrypt(sender, theirs, sealed),
  };
}
