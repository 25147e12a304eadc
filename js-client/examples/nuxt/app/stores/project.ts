export interface Task {
  /** Set by the client. Identifies the task at every position. */
  _sync_id?: string
  title: string
}

export const useProjectStore = defineStore('project', {
  state: () => ({
    project: {
      title: 'Untitled',
      description: '',
      settings: { zoom: 1, theme: 'light' },
      tasks: [] as Task[]
    },
    uiDrawerOpen: false // local only, not synced
  }),

  sync: {
    room: () => {
      const { id } = useRoute().params
      return id && `project-${id}`
    },
    include: ['project'] // only `project` is synced; `uiDrawerOpen` stays local
  }
})
