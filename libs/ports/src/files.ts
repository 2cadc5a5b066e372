// The few file operations that the embedded log stands on, so that a simulation owns them.
//
// (1) What answered is durable: bytes, sizes and names.
// (2) A write that did not answer may be there in any part.
// (3) A `full` Fault with effect `none` changed nothing; after any other the file is in doubt.

export interface FileInfo {
  readonly name: string;
  readonly bytes: number;
}

export interface OpenFile {
  /** Reads into the target; gives how much there was up to the file's end. */
  read(target: Uint8Array, position: number): Promise<number>;
  writeSynced(bytes: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** A folder that no other process holds, until it is disposed or this process is gone. */
export interface Folder extends AsyncDisposable {
  list(): Promise<readonly FileInfo[]>;
  /** A new file of zeros, with its space taken. */
  create(name: string, bytes: number): Promise<OpenFile>;
  open(name: string): Promise<OpenFile>;
  remove(name: string): Promise<void>;
}

export interface Files {
  /** Makes the folder where it is not there. A `locked` Fault: somebody else holds it. */
  openFolder(path: string): Promise<Folder>;
}
