import { credentialOf, type EdgeRequest, type LiveGrant, type Tenancy } from '@tidemark/edge';

/** Whether the follower may be told anything, and still may. `look` is called when that changes. */
export type GoLive = (look: () => void) => LiveGrant;

/** As whoever sent the request, which was let in. */
export async function goLiveBy(tenancy: Tenancy, request: EdgeRequest): Promise<GoLive> {
  const identity = await tenancy.identityOf(request);
  return (look) => tenancy.goLive(credentialOf(request), identity, look);
}
