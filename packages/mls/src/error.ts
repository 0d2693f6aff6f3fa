/** What a message, a proposal, a stored record or a call is refused for. Closed. */
export type MlsErrorCode =
  // Form
  | 'malformed'
  | 'too_large'
  | 'duplicate_extension'
  | 'wire_format'
  | 'unsupported_version'
  | 'unsupported_suite'
  | 'unsupported_proposal'
  | 'unsupported_credential'
  | 'unsupported_extension'
  // Protection, RFC 9420 §6
  | 'wrong_group'
  | 'future_epoch'
  | 'past_epoch'
  | 'own_message'
  | 'unknown_sender'
  | 'sender_data'
  | 'generation_used'
  | 'generation_too_far'
  | 'decryption'
  | 'padding'
  | 'membership_tag'
  | 'signature'
  // Leaves and key packages, RFC 9420 §7.3 and §10.1
  | 'bad_key'
  | 'duplicate_key'
  | 'stale_key'
  | 'init_key'
  | 'leaf_signature'
  | 'leaf_source'
  | 'lifetime'
  | 'credential'
  | 'capabilities'
  | 'key_package_suite'
  | 'key_package_signature'
  // Trees and paths, RFC 9420 §7.5 and §7.9
  | 'ratchet_tree'
  | 'parent_hash'
  | 'unmerged_leaves'
  | 'path_missing'
  | 'path_shape'
  | 'path_decryption'
  | 'path_keys'
  // Proposals and commits, RFC 9420 §12
  | 'proposal_sender'
  | 'commit_sender'
  | 'unknown_proposal'
  | 'unknown_member'
  | 'own_update'
  | 'own_removal'
  | 'same_leaf_twice'
  | 'duplicate_proposal'
  | 'reinit_alone'
  | 'reinit_version'
  | 'external_commit'
  | 'external_init'
  | 'psk_nonce'
  | 'psk_usage'
  | 'duplicate_psk'
  | 'unknown_psk'
  | 'confirmation_tag'
  // Joining, RFC 9420 §12.4.3
  | 'no_key_package'
  | 'not_in_tree'
  | 'welcome_decryption'
  | 'group_suite'
  | 'group_info_signature'
  | 'successor'
  // Use and storage
  | 'sealer'
  | 'overtaken'
  | 'refused'
  | 'group_closed'
  | 'unknown_commit'
  | 'no_snapshot'
  | 'no_group'
  | 'record'
  | 'internal';

/** Thrown by everything in this package. The message never contains input; nothing has changed. */
export class MlsError extends Error {
  override readonly name = 'MlsError';
  readonly code: MlsErrorCode;

  constructor(code: MlsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
