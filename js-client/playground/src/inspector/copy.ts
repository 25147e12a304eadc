import { ref } from 'vue'

const SHOWN_MS = 1500

/** Copies texts to the clipboard. Browsers offer it to pages from HTTPS or localhost only. */
export function useCopy() {
  /** The text that was copied last, for a moment. */
  const copied = ref('')
  const canCopy = 'clipboard' in navigator

  async function copy(text: string) {
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      return // the browser does not allow it now
    }
    copied.value = text
    setTimeout(() => copied.value === text && (copied.value = ''), SHOWN_MS)
  }

  return { copied, canCopy, copy }
}
