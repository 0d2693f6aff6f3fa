import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AdmissionSchema } from '@sotto/wire';
import type { Admission } from '@sotto/transport';

/** An admission as it travels. */
export function admissionMessage(admission: Admission): MessageInitShape<typeof AdmissionSchema> {
  return admission.kind === 'capability'
    ? { kind: { case: 'capability', value: admission.secret } }
    : { kind: { case: 'requestToken', value: admission.token } };
}
