-- report.lua: what every script tells at its end, as one line of JSON.
function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format('\nBENCH {"requests":%d,"us":%d,"p50":%d,"p99":%d,'
	    .. '"refused":%d,"failed":%d}\n', summary.requests, summary.duration,
	    latency:percentile(50), latency:percentile(99), e.status,
	    e.connect + e.read + e.write + e.timeout))
end
