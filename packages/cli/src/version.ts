/** Version of this package; the tests hold it against package.json. */
export const VERSION = '0.1.0';
