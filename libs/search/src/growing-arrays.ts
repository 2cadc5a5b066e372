// Typed arrays that grow by doubling: a column of a million documents is one object.

const firstCapacity = 256;

interface Numbers {
  readonly length: number;
  readonly byteLength: number;
  [index: number]: number;
  set(source: ArrayLike<number>): void;
}

abstract class GrowingNumbers<T extends Numbers> {
  values: T;
  length = 0;

  constructor(values: T) {
    this.values = values;
  }

  protected abstract allocate(capacity: number): T;

  get byteLength(): number {
    return this.values.byteLength;
  }

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = this.allocate(2 * this.length);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length] = value;
    this.length += 1;
  }

  at(index: number): number {
    return this.values[index] as number;
  }
}

export class Uint32Column extends GrowingNumbers<Uint32Array<ArrayBuffer>> {
  constructor() {
    super(new Uint32Array(firstCapacity));
  }

  protected override allocate(capacity: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(capacity);
  }
}

export class Uint16Column extends GrowingNumbers<Uint16Array<ArrayBuffer>> {
  constructor() {
    super(new Uint16Array(firstCapacity));
  }

  protected override allocate(capacity: number): Uint16Array<ArrayBuffer> {
    return new Uint16Array(capacity);
  }
}

export class Float64Column extends GrowingNumbers<Float64Array<ArrayBuffer>> {
  constructor() {
    super(new Float64Array(firstCapacity));
  }

  protected override allocate(capacity: number): Float64Array<ArrayBuffer> {
    return new Float64Array(capacity);
  }
}
