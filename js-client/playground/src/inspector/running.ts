import { ref } from 'vue'

/** The number of robots that are running. */
export const robots = ref(0)
