export {
  type HeldTurn,
  type SealedCredential,
  type ToldTurnEvent,
  Turn,
  type TurnAgent,
  type TurnEnding,
  type TurnEvent,
  type TurnHandler,
  TurnWorker,
  type TurnWorkerOptions,
} from './turn-worker.ts';
