/** Statements in one replay, void ones included: a device change a week for twenty years. */
export const MAX_STATEMENTS = 1024;

/** Devices active at once: every message is encrypted to each. */
export const MAX_ACTIVE_DEVICES = 64;

/** Gateways named by one SetEndpoints. */
export const MAX_ENDPOINTS = 8;
