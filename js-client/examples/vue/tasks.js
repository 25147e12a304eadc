import { defineStore } from 'pinia'

export const useTasks = defineStore('tasks', {
  state: () => ({
    list: { title: 'Our list', tasks: [] },
    filter: 'all' // not synced: each window has its own
  }),
  sync: { room: 'tutorial', include: ['list'] }
})
