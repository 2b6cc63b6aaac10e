/** A part that is opened when it is first needed, and closed if it was. A failed try is made again by the next one. */
export const lazily = <T extends { close(): Promise<void> }>(open: () => Promise<T>) => {
  let opening: Promise<T> | null = null
  return {
    get(): Promise<T> {
      opening ??= open().catch((error: unknown) => {
        opening = null
        throw error
      })
      return opening
    },
    close: async (): Promise<void> => {
      await (await opening?.catch(() => null))?.close()
    },
  }
}
