/** Work that can share a transaction with its neighbours. */
export interface BatcherOptions<Item> {
  /** How many batches may be under way at once. */
  readonly slots: number
  /** Most items in one batch. */
  readonly batchSize: number
  /** Most items that may wait; beyond it `refuse` is asked for the error. */
  readonly capacity: number
  /** Items of one batch must agree in this. */
  readonly groupOf: (item: Item) => string
  /** Runs a batch and settles every item of it. What it throws settles those that it left open. */
  readonly run: (slot: number, items: readonly Item[]) => Promise<void>
  readonly reject: (item: Item, cause: unknown) => void
}

export interface Batcher<Item> {
  /** Queues an item; returns false where the queue is full. */
  add(item: Item): boolean
  /** Items waiting now. */
  readonly waiting: number
  /** Resolves when nothing is queued or under way. */
  drain(): Promise<void>
}

/**
 * Under load, those who were just answered come back at once: a millisecond gathers them with those who waited, and one batch does
 * what two half-empty ones did in turn.
 */
const gatherMs = 1

const gathering = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, gatherMs))

/** Group commit: an idle slot takes at once whatever waits, so nobody waits for company, and load makes its own batches. */
export const createBatcher = <Item>(options: BatcherOptions<Item>): Batcher<Item> => {
  const queues = new Map<string, Item[]>()
  const idle = Array.from({ length: options.slots }, (_, slot) => slot)
  let waiting = 0
  let drained: (() => void)[] = []

  const takeBatch = (): Item[] => {
    const [group, queue] = queues.entries().next().value!
    queues.delete(group)
    const batch = queue.splice(0, options.batchSize)
    // Back to the end of the line, so that no group starves another.
    if (queue.length > 0) queues.set(group, queue)
    waiting -= batch.length
    return batch
  }

  const settleDrain = (): void => {
    if (waiting > 0 || idle.length < options.slots) return
    for (const resolve of drained) resolve()
    drained = []
  }

  const runOne = async (slot: number, batch: Item[]): Promise<void> => {
    try {
      await options.run(slot, batch)
    } catch (cause) {
      for (const item of batch) options.reject(item, cause)
    }
    if (batch.length > 1 && waiting < options.batchSize) await gathering()
    idle.push(slot)
    pump()
    settleDrain()
  }

  const pump = (): void => {
    while (idle.length > 0 && waiting > 0) void runOne(idle.pop()!, takeBatch())
  }

  return {
    add(item) {
      if (waiting >= options.capacity) return false
      const group = options.groupOf(item)
      const queue = queues.get(group)
      if (queue) queue.push(item)
      else queues.set(group, [item])
      waiting += 1
      // A microtask later, so that requests that were parsed in one turn of the loop share a batch.
      queueMicrotask(pump)
      return true
    },
    get waiting() {
      return waiting
    },
    drain: () =>
      new Promise((resolve) => {
        drained.push(resolve)
        settleDrain()
      }),
  }
}
