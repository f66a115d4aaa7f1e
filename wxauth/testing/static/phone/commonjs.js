// The client is a CommonJS module, as a mini-program loads it; a page has no `module`.
window.module = { exports: {} }
