// docs.js: read the OpenAPI document and show it; nothing comes from elsewhere.
"use strict";

let doc;

// ---- small helpers ---------------------------------------------------------

// An element: h("p", {class: "x"}, "text", child, ...).  Text is never markup.
function h(name, attributes, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {}))
		if (value !== undefined && value !== false)
			element.setAttribute(key, value === true ? "" : value);
	element.append(...children.flat().filter((c) => c !== null && c !== undefined));
	return element;
}

// Text in which `this` is code.
function prose(text) {
	return (text || "").split("`").map((piece, i) =>
		i % 2 ? h("code", {}, piece) : piece);
}

function resolve(thing) {
	if (!thing || !thing.$ref)
		return thing;
	return thing.$ref.slice(2).split("/").reduce((at, key) =>
		at[key.replace(/~1/g, "/").replace(/~0/g, "~")], doc);
}

function refName(schema) {
	return schema && schema.$ref ? schema.$ref.split("/").pop() : null;
}

// The schema behind a nullable reference.
function inner(schema) {
	if (schema.anyOf)
		return schema.anyOf.find((s) => s.type !== "null");
	return schema;
}

function types(schema) {
	return [].concat(schema.type || []);
}

// ---- schemas ---------------------------------------------------------------

function typeText(schema) {
	const real = inner(schema);
	const name = refName(real);
	const nullable = schema.anyOf || types(schema).includes("null");
	let text;

	if (name)
		text = h("a", {href: "#schema-" + name}, name);
	else if (types(real).includes("array"))
		text = h("span", {}, "list of ", typeText(real.items));
	else
		text = (real.format && real.format !== "email" ? real.format :
			types(real).filter((t) => t !== "null").join(" or ")) || "any";
	return h("span", {}, text, nullable ? " or null" : "");
}

function rules(schema) {
	const said = [];
	const between = (low, high, what) => {
		if (low !== undefined && high !== undefined)
			said.push(low === high ? `${low}${what}` : `${low} to ${high}${what}`);
		else if (high !== undefined)
			said.push(`at most ${high}${what}`);
		else if (low !== undefined)
			said.push(`at least ${low}${what}`);
	};

	if (schema.enum)
		said.push("one of " + schema.enum.filter((v) => v !== null).join(", "));
	between(schema.minLength, schema.maxLength, " characters");
	between(schema.minimum, schema.maximum, "");
	between(schema.minItems, schema.maxItems, " items");
	return said.length ? h("span", {class: "rule"}, said.join("; ")) : null;
}

function row(name, schema, must, help) {
	return h("tr", {},
		h("td", {}, h("code", {}, name),
			must ? h("span", {class: "must"}, "required") : null),
		h("td", {}, h("span", {class: "type"}, typeText(schema))),
		h("td", {}, prose(help), rules(inner(schema))));
}

function table(rows) {
	return h("div", {class: "wide"}, h("table", {},
		h("thead", {}, h("tr", {}, ["Name", "Type", "Meaning"].map((t) =>
			h("th", {scope: "col"}, t)))),
		h("tbody", {}, rows)));
}

function schemaTable(schema, input) {
	const real = resolve(schema);
	const must = new Set(real.required || []);

	return table(Object.entries(real.properties || {}).map(([name, s]) =>
		row(name, s, input && must.has(name), s.description)));
}

// An example as JSON text, amounts with their two decimals.
function sample(schema, indent) {
	const real = inner(schema);

	if (real.$ref)
		return sample(resolve(real), indent);
	if (real.examples)
		return scalar(real.examples[0], real);
	if (types(real).includes("array"))
		return `[${sample(real.items, indent)}]`;
	if (real.properties) {
		const next = indent + "  ";
		// One child is given as child_info or in children, not both.
		const names = Object.keys(real.properties).filter((n) =>
			n !== "children" || !real.properties.child_info);
		return "{\n" + names.map((n) => next + JSON.stringify(n) + ": " +
			sample(real.properties[n], next)).join(",\n") +
			"\n" + indent + "}";
	}
	if (real.enum)
		return JSON.stringify(real.enum[0]);
	return types(real).includes("string") ? '"…"' :
		types(real).includes("boolean") ? "true" :
		types(real).includes("object") ? "{}" : "0";
}

function scalar(value, schema) {
	if (typeof value === "number" && schema.multipleOf === 0.01)
		return value.toFixed(2);
	return JSON.stringify(value);
}

// ---- operations --------------------------------------------------------------

function block(text) {
	const button = h("button", {type: "button", class: "copy"}, "Copy");

	button.addEventListener("click", async () => {
		await navigator.clipboard.writeText(text);
		button.textContent = "Copied";
		setTimeout(() => { button.textContent = "Copy"; }, 1500);
	});
	return h("div", {class: "block"}, button,
		h("pre", {tabindex: "0"}, h("code", {}, text)));
}

function pathText(path) {
	return h("code", {class: "path"}, path.split(/(\{[^}]*\})/).map((p) =>
		p.startsWith("{") ? h("em", {}, p) : p));
}

// One of each: the ways in, and the scopes of which any one is enough.
function waysOf(operation) {
	return [...new Set((operation.security || []).flatMap(Object.keys))];
}

function scopesOf(operation) {
	return [...new Set((operation.security || []).flatMap((s) =>
		Object.values(s).flat()))];
}

function accessChips(operation) {
	const ways = waysOf(operation);
	const names = {bearerAuth: "Bearer token", apiKey: "X-API-Key"};

	if (!ways.length)
		return [h("span", {class: "chip"}, "public")];
	return [h("span", {class: "chip"}, ways.map((w) => names[w]).join(" or ")),
		...scopesOf(operation).map((s) =>
			h("span", {class: "chip"}, h("code", {}, s)))];
}

function curl(verb, path, operation, body) {
	const ways = waysOf(operation);
	const params = (operation.parameters || []).map(resolve);
	const lines = [`curl${verb === "get" ? "" : " -X " + verb.toUpperCase()}`];
	const filled = path.replace(/\{([^}]*)\}/g, (all, name) =>
		name === "franchise_id" ? "11111111-1111-4111-8111-111111111111" :
			"0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d");

	lines[0] += ` '${location.origin}${filled}'`;
	if (ways.includes("bearerAuth"))
		lines.push('-H "Authorization: Bearer $TOKEN"');
	else if (ways.length)
		lines.push('-H "X-API-Key: $KEY"');
	if (params.some((p) => p.name === "Idempotency-Key"))
		lines.push('-H "Idempotency-Key: $(uuidgen)"');
	if (body) {
		lines.push("-H 'Content-Type: application/json'");
		lines.push(`-d '${body}'`);
	}
	return lines.join(" \\\n  ");
}

function answer(status, response) {
	const kind = status < "300" ? "good" : status < "400" ? "moved" :
		status < "500" ? "bad" : "worse";
	const offers = Object.entries(response.content || {});
	const described = offers.find(([, content]) => refName(content.schema));
	const others = offers.filter((offer) => offer !== described);
	const inside = [];

	if (described) {
		const [media, {schema}] = described;

		if (media === "application/json") {
			inside.push(schemaTable(schema, false));
			inside.push(h("h4", {}, "Example"));
			inside.push(block(sample(schema, "")));
		} else {
			inside.push(h("p", {}, h("a", {href: "#schema-" + refName(schema)},
				refName(schema)), " as ", h("code", {}, media),
				". Codes: ", codeLinks(response.description)));
		}
	}
	// A picture, a page: there is nothing to tell but what it is.
	if (others.length)
		inside.push(h("p", {}, described ? "Or as " : "As ",
			others.flatMap(([media], i) => [i ? ", " : "",
				h("code", {}, media)]), "."));
	if (response.headers)
		inside.push(h("p", {class: "rule"}, "Headers: ",
			Object.keys(response.headers).join(", ")));
	return h("details", {}, h("summary", {},
		h("span", {class: "status " + kind}, status),
		h("span", {class: "says"}, prose(response.description))),
		h("div", {}, inside));
}

function codeLinks(text) {
	const codes = [...(text || "").matchAll(/`([a-z_]+)`/g)].map((m) => m[1]);
	return codes.flatMap((code, i) => [i ? ", " : "",
		h("a", {href: "#" + code}, h("code", {}, code))]);
}

function operationCard(path, verb, operation) {
	const params = (operation.parameters || []).map(resolve);
	const body = operation.requestBody &&
		operation.requestBody.content["application/json"].schema;
	const required = operation.requestBody && operation.requestBody.required;
	const text = body && required ? sample(body, "") : null;
	const card = h("section", {class: "card", id: operation.operationId},
		h("h3", {}, h("a", {class: "anchor", href: "#" + operation.operationId},
			operation.summary)),
		h("div", {class: "line"},
			h("span", {class: "verb " + verb}, verb.toUpperCase()),
			pathText(path), accessChips(operation)),
		h("p", {}, prose(operation.description)));

	if (params.length)
		card.append(h("h4", {}, "Parameters"), table(params.map((p) =>
			row(p.name, p.schema, p.required, p.description))));
	if (body)
		card.append(h("h4", {}, required ? "Body" : "Body, if any"),
			schemaTable(body, true));
	card.append(h("h4", {}, "Request"), block(curl(verb, path, operation, text)));
	card.append(h("h4", {}, "Answers"));
	for (const [status, response] of Object.entries(operation.responses))
		card.append(answer(status, resolve(response)));
	card.dataset.text = [path, verb, operation.operationId, operation.summary,
		operation.description, ...params.map((p) => p.name)].join(" ").toLowerCase();
	return card;
}

// ---- the page ------------------------------------------------------------------

function operationsOf(tag) {
	return Object.entries(doc.paths).flatMap(([path, item]) =>
		Object.keys(item).filter((v) => item[v].tags[0] === tag).map((v) =>
			({path, verb: v, operation: item[v]})));
}

function authPart() {
	const schemes = Object.entries(doc.components.securitySchemes);

	return [h("h2", {class: "part", id: "authentication"}, "Authentication"),
		h("div", {class: "card"}, table(schemes.map(([, scheme]) =>
			h("tr", {}, h("td", {}, h("code", {}, scheme.name || "Authorization")),
				h("td", {}, h("span", {class: "type"},
					scheme.scheme ? "Bearer " + scheme.bearerFormat : "key")),
				h("td", {}, prose(scheme.description))))))];
}

function errorsPart() {
	const rows = doc["x-error-codes"].map((e) => {
		const line = h("tr", {id: e.code},
			h("td", {}, h("code", {}, e.code)),
			h("td", {}, h("span", {class: "type"}, e.status)),
			h("td", {}, h("strong", {}, e.title, ". "), prose(e.detail),
				e.retryable ? h("span", {class: "rule"},
					"The same request may succeed later: see Retry-After.") : null));
		line.dataset.text = [e.code, e.status, e.title].join(" ").toLowerCase();
		return line;
	});

	return [h("h2", {class: "part", id: "errors"}, "Errors"),
		h("p", {class: "about"}, "Every error is an ",
			h("code", {}, "application/problem+json"), " document (",
			h("a", {href: "#schema-Problem"}, "Problem"),
			"). Decide by its ", h("code", {}, "code"),
			", which never changes its meaning; ", h("code", {}, "errors"),
			" lists every faulty field at once."),
		h("div", {class: "card", id: "error-codes"}, h("div", {class: "wide"},
			h("table", {}, h("thead", {}, h("tr", {},
				["Code", "Status", "Meaning"].map((t) =>
					h("th", {scope: "col"}, t)))),
				h("tbody", {}, rows))))];
}

function schemasPart() {
	const inputs = new Set();
	const cards = Object.entries(doc.components.schemas).map(([name, schema]) => {
		if (schema.additionalProperties === false)
			inputs.add(name);
		const card = h("section", {class: "card", id: "schema-" + name},
			h("h3", {}, h("a", {class: "anchor", href: "#schema-" + name}, name)),
			h("p", {}, prose(schema.description)),
			schemaTable(schema, inputs.has(name)));
		card.dataset.text = [name, ...Object.keys(schema.properties || {})]
			.join(" ").toLowerCase();
		return card;
	});

	return [h("h2", {class: "part", id: "schemas"}, "Schemas"), ...cards];
}

function navList(title, links) {
	return [h("h2", {}, title), h("ul", {}, links.map(([href, label, verb]) =>
		h("li", {}, h("a", {href}, verb ? h("span", {class: "verb " + verb},
			verb === "delete" ? "DEL" : verb.toUpperCase()) : null,
			h("span", {}, label)))))];
}

function render() {
	const main = document.getElementById("main");
	const nav = document.getElementById("nav");
	const parts = [h("h1", {}, doc.info.title),
		h("p", {class: "lead"}, doc.info.summary),
		h("p", {class: "about"}, prose(doc.info.description)),
		h("div", {class: "line"}, h("span", {class: "chip"}, "version " + doc.info.version),
			h("span", {class: "chip"}, "OpenAPI " + doc.openapi),
			h("span", {class: "chip"}, h("code", {}, doc.servers[0].url)))];

	parts.push(...authPart());
	nav.append(...navList("Start", [["#main", "Overview"],
		["#authentication", "Authentication"], ["#errors", "Errors"],
		["#schemas", "Schemas"]]));
	for (const tag of doc.tags) {
		const all = operationsOf(tag.name);
		parts.push(h("h2", {class: "part", id: "tag-" + tag.name},
			tag.name[0].toUpperCase() + tag.name.slice(1)),
			h("p", {class: "about"}, tag.description),
			...all.map((o) => operationCard(o.path, o.verb, o.operation)));
		nav.append(...navList(tag.name, all.map((o) =>
			["#" + o.operation.operationId, o.operation.summary, o.verb])));
	}
	parts.push(...errorsPart(), ...schemasPart());
	main.replaceChildren(...parts, h("p", {class: "none", id: "none", hidden: true},
		"Nothing here has these words."));
	document.title = doc.info.title + " API " + doc.info.version;
}

// Show what has every word; headings without a match below them go too.
function search(text) {
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	let any = false;

	for (const item of document.querySelectorAll("[data-text]")) {
		item.hidden = !words.every((w) => item.dataset.text.includes(w));
		any = any || !item.hidden;
	}
	for (const link of document.querySelectorAll("nav a")) {
		const to = document.getElementById(link.hash.slice(1));
		link.parentElement.hidden = Boolean(to && to.hidden);
	}
	for (const list of document.querySelectorAll("nav ul"))
		list.previousElementSibling.hidden =
			!list.querySelector("li:not([hidden])");
	for (const rest of document.querySelectorAll("main > h1, main > .lead, " +
		"main > .about, main > .line, main > .part, #authentication + .card"))
		rest.hidden = words.length > 0;
	document.getElementById("error-codes").hidden =
		!document.querySelector("#error-codes tr[data-text]:not([hidden])");
	document.getElementById("none").hidden = any;
}

// The links of problem documents lead here: /docs/errors#code.
function goToAnchor() {
	const wanted = location.hash.slice(1) ||
		(location.pathname.endsWith("/errors") ? "errors" : "");
	const target = wanted && document.getElementById(decodeURIComponent(wanted));

	if (!target)
		return;
	if (location.hash)
		location.replace(location.hash); // so that :target holds
	target.scrollIntoView({behavior: "instant",
		block: target.matches("tr") ? "center" : "start"});
}

function listen() {
	const box = document.getElementById("search");

	box.addEventListener("input", () => search(box.value));
	document.addEventListener("keydown", (event) => {
		if (event.key === "/" && document.activeElement !== box) {
			event.preventDefault();
			box.focus();
		}
		if (event.key === "Escape" && document.activeElement === box) {
			box.value = "";
			search("");
		}
	});
}

async function start() {
	const state = document.getElementById("state");

	try {
		const response = await fetch("/api/v1/openapi.json",
			{headers: {Accept: "application/json"}});
		if (!response.ok)
			throw new Error("status " + response.status);
		doc = await response.json();
	} catch (error) {
		state.textContent = "The description of the API cannot be read just " +
			"now (" + error.message + "). Reload the page to try again.";
		return;
	}
	render();
	listen();
	goToAnchor();
}

start();
