import type { Reader } from '../codec/reader.ts';
import { encode } from '../codec/writer.ts';
import type { Writer } from '../codec/writer.ts';
import { EXTENSION_TYPES } from './extension.ts';
import type { Extension } from './extension.ts';

/** What a client supports, RFC 9420 §7.2. Values nobody knows (GREASE) are kept. */
export interface Capabilities {
  readonly versions: readonly number[];
  readonly cipherSuites: readonly number[];
  /** Beyond the defaults 1–5, which are never listed. */
  readonly extensions: readonly number[];
  /** Beyond the defaults 1–7. */
  readonly proposals: readonly number[];
  readonly credentials: readonly number[];
}

/** What every member must support, RFC 9420 §11.1. */
export interface RequiredCapabilities {
  readonly extensions: readonly number[];
  readonly proposals: readonly number[];
  readonly credentials: readonly number[];
}

export function writeCapabilities(writer: Writer, capabilities: Capabilities): void {
  writeTypes(writer, capabilities.versions);
  writeTypes(writer, capabilities.cipherSuites);
  writeRequiredCapabilities(writer, capabilities);
}

export function readCapabilities(reader: Reader): Capabilities {
  return { versions: readTypes(reader), cipherSuites: readTypes(reader), ...readRequiredCapabilities(reader) };
}

function writeRequiredCapabilities(writer: Writer, required: RequiredCapabilities): void {
  writeTypes(writer, required.extensions);
  writeTypes(writer, required.proposals);
  writeTypes(writer, required.credentials);
}

export function readRequiredCapabilities(reader: Reader): RequiredCapabilities {
  return { extensions: readTypes(reader), proposals: readTypes(reader), credentials: readTypes(reader) };
}

function writeTypes(writer: Writer, types: readonly number[]): void {
  writer.list(types, (inner, type) => inner.uint16(type));
}

function readTypes(reader: Reader): number[] {
  return reader.list((inner) => inner.uint16());
}

/** The group context extension that makes these required. */
export function requiredCapabilitiesExtension(required: RequiredCapabilities): Extension {
  return { type: EXTENSION_TYPES.requiredCapabilities, data: encode(required, writeRequiredCapabilities) };
}
