import { AssumeRoleCommand, STSClient, type STSClientConfig } from '@aws-sdk/client-sts';
import { present } from '@tidemark/std';

export interface AssumedRole {
  readonly arn: string;
  /** What the role's owner wants to hear, so that nobody else has us assume it. */
  readonly externalId?: string | undefined;
}

interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

const sessionSeconds = 3_600;

/** Credentials of the role, for an hour each; the client asks again before they end. */
export const assumedRole =
  (
    { arn, externalId }: AssumedRole,
    config: Pick<STSClientConfig, 'credentials' | 'region'>,
  ): (() => Promise<RoleCredentials>) =>
  async () => {
    const client = new STSClient(config);
    try {
      const { Credentials } = await client.send(
        new AssumeRoleCommand({
          RoleArn: arn,
          RoleSessionName: 'tidemark',
          DurationSeconds: sessionSeconds,
          ...(externalId === undefined ? {} : { ExternalId: externalId }),
        }),
      );
      const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = present(
        Credentials,
        'credentials',
      );
      return {
        accessKeyId: present(AccessKeyId, 'access key'),
        secretAccessKey: present(SecretAccessKey, 'secret access key'),
        sessionToken: present(SessionToken, 'session token'),
        expiration: present(Expiration, 'expiration'),
      };
    } finally {
      client.destroy();
    }
  };
