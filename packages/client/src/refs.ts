declare const brand: unique symbol;

/**
 * Text form of an id as this package hands it out and takes it: lower-case base32, the same as wire's `idText`.
 * Good as map keys, in JSON and on a command line.
 */
export type Ref<Kind extends string> = string & { readonly [brand]: Kind };

/** An account: a person, agent or thing. 52 characters. */
export type AccountRef = Ref<'account'>;
/** One installation of an account. 26 characters. */
export type DeviceRef = Ref<'device'>;
/** A conversation; both sides compute the same. 52 characters. */
export type ConversationRef = Ref<'conversation'>;
/** A message; the same at every device that has it. 52 characters. */
export type MessageRef = Ref<'message'>;
/** An envelope, as its transport carried it. 52 characters. */
export type EnvelopeRef = Ref<'envelope'>;
