import { headerOf } from '@tidemark/edge';
import { deliveryHeader, Problem } from '@tidemark/protocol';

/**
 * A webhook whose target is a stream of the server itself would wake itself by each of its deliveries.
 * Those of another cell are appended as anything else.
 */
export function refuseOwnDelivery(
  headers: Parameters<typeof headerOf>[0],
  cell: string | undefined,
): void {
  const from = headerOf(headers, deliveryHeader);
  if (from === undefined || from !== cell) return;
  throw new Problem('invalid-request', 'a delivery of this server is no append to it');
}
