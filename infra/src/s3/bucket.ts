// Makes a bucket with one signed request, so that this package has no S3 client.

import { createHash, createHmac } from 'node:crypto';

export interface S3Address {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** True once the bucket is there; false while the server does not answer yet. */
export async function makeBucket(address: S3Address): Promise<boolean> {
  const { endpoint, bucket } = address;
  const url = new URL(`/${bucket}`, endpoint);
  try {
    const response = await fetch(url, { method: 'PUT', headers: signedHeaders(address, url) });
    const text = await response.text();
    return response.ok || text.includes('BucketAlreadyOwnedByYou');
  } catch {
    return false;
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** AWS Signature Version 4 of a PUT without a body. */
function signedHeaders(address: S3Address, url: URL): Record<string, string> {
  const { region, accessKeyId, secretAccessKey } = address;
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const bodyHash = sha256('');
  const names = 'host;x-amz-content-sha256;x-amz-date';
  const headers = `host:${url.host}\nx-amz-content-sha256:${bodyHash}\nx-amz-date:${time}\n`;
  const request = ['PUT', url.pathname, '', headers, names, bodyHash].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(request)].join('\n');
  const dayKey = hmac(`AWS4${secretAccessKey}`, day);
  const key = hmac(hmac(hmac(dayKey, region), 's3'), 'aws4_request');
  const signature = hmac(key, toSign).toString('hex');
  const credential = `Credential=${accessKeyId}/${scope}`;
  return {
    'x-amz-date': time,
    'x-amz-content-sha256': bodyHash,
    authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}
