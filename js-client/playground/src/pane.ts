const query = new URLSearchParams(location.search)

/** The side of the side-by-side view that this page is: `left` or `right`. Empty for a page of its own. */
export const pane = query.get('pane') ?? ''
