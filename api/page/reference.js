// Starts Swagger UI; the token that is entered there stays in this tab.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#reference", deepLinking: true, filter: true });
