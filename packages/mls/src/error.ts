export type MlsErrorCode = string;
export class MlsError extends Error {
  override readonly name = 'MlsError';
  readonly code: MlsErrorCode;
  constructor(code: MlsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
