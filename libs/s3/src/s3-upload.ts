import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { isFault, type Logger } from '@tidemark/ports';
import type { S3Calls } from './s3-calls.ts';
import { isRefusal } from './s3-fault.ts';

export interface Condition {
  readonly IfNoneMatch?: '*';
  readonly IfMatch?: string;
}

export interface Encrypted {
  readonly ServerSideEncryption?: 'AES256' | 'aws:kms';
  readonly SSEKMSKeyId?: string | undefined;
}

export interface Upload {
  readonly target: { readonly Bucket: string; readonly Key: string };
  readonly body: Uint8Array;
  readonly condition: Condition;
  readonly encrypted: Encrypted;
  readonly partBytes: number;
  readonly signal: AbortSignal | undefined;
}

interface Parts {
  readonly client: S3Client;
  readonly calls: S3Calls;
  readonly logger: Logger;
}

const partsAtOnce = 4;

/** Stores a large body by parts; the condition is decided when they are put together. */
export async function uploadByParts(parts: Parts, upload: Upload): Promise<string | undefined> {
  const { client, calls } = parts;
  const { target, condition, encrypted, signal } = upload;
  // Some servers refuse the parts' checksums below unless the algorithm is named here.
  const created = { ...target, ...encrypted, ChecksumAlgorithm: 'CRC32' } as const;
  const { UploadId } = await calls.run(
    { name: 'createUpload', isWrite: false, mayRepeat: true, signal },
    (abortSignal) => client.send(new CreateMultipartUploadCommand(created), { abortSignal }),
  );
  try {
    const uploaded = await uploadParts(parts, upload, UploadId ?? '');
    const command = new CompleteMultipartUploadCommand({
      ...target,
      ...condition,
      UploadId,
      MultipartUpload: { Parts: uploaded },
    });
    const completed = await calls.run(
      { name: 'completeUpload', isWrite: true, mayRepeat: false, signal },
      (abortSignal) => client.send(command, { abortSignal }),
    );
    return completed.ETag;
  } catch (cause) {
    // An upload that may have been put together is left alone.
    if (!isFault(cause) || cause.effect === 'none') await abandon(parts, upload, UploadId ?? '');
    throw cause;
  }
}

async function uploadParts(
  { client, calls }: Parts,
  upload: Upload,
  UploadId: string,
): Promise<CompletedPart[]> {
  const { target, body, partBytes, signal } = upload;
  const count = Math.ceil(body.length / partBytes);
  const uploaded: CompletedPart[] = [];
  const uploadOne = async (index: number): Promise<void> => {
    const Body = body.subarray(index * partBytes, (index + 1) * partBytes);
    const PartNumber = index + 1;
    const input = { ...target, UploadId, PartNumber, Body, ChecksumAlgorithm: 'CRC32' } as const;
    const { ETag, ChecksumCRC32 } = await calls.run(
      { name: 'uploadPart', isWrite: false, mayRepeat: true, signal },
      (abortSignal) => client.send(new UploadPartCommand(input), { abortSignal }),
    );
    uploaded[index] = { ETag, PartNumber, ...(ChecksumCRC32 ? { ChecksumCRC32 } : {}) };
  };
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await uploadOne(next - 1);
    }
  };
  await Promise.all(Array.from({ length: partsAtOnce }, work));
  return uploaded;
}

async function abandon({ client, calls, logger }: Parts, upload: Upload, UploadId: string) {
  const command = new AbortMultipartUploadCommand({ ...upload.target, UploadId });
  try {
    await calls.run({ name: 'abandonUpload', isWrite: false, mayRepeat: true }, (abortSignal) =>
      client.send(command, { abortSignal }),
    );
  } catch (cause) {
    if (!isRefusal(cause)) logger.warn({ cause, ...upload.target }, 'an upload was left behind');
  }
}
