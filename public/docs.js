// Starts the viewer of /docs. `cargo xtask build` puts `swagger-ui.js` beside this file.
window.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  // No call is made from here: keys belong to a server, not to a page.
  supportedSubmitMethods: [],
  // The validator is another party's.
  validatorUrl: null,
  // The viewer gives this list no name.
  onComplete: () => document.getElementById('servers')?.setAttribute('aria-label', 'Server'),
});
