import { ref, watch } from 'vue'
import { read, write } from '../storage.ts'

const KEY = 'pathsync:tab'
const TABS = ['live', 'history', 'state', 'connection', 'code', 'simulate'] as const
export type Tab = (typeof TABS)[number]

/** The tab that is shown. A reloaded window shows the same one. */
export const tab = ref<Tab>(TABS.find((one) => one === read('sessionStorage', KEY)) ?? 'live')
watch(tab, (one) => write('sessionStorage', KEY, one))
