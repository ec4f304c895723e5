-- list.lua: GETs from a list, in random order: lines of a path and, perhaps,
-- a token.
dofile(os.getenv("BENCH_DIR") .. "/report.lua")
local requests = {}

function init(args)
	math.randomseed(tonumber(os.getenv("BENCH_SEED")))
	for line in io.lines(os.getenv("BENCH_LIST")) do
		local path, token = line:match("^(%S+) ?(%S*)$")
		local headers = {}
		if token ~= "" then
			headers["Authorization"] = "Bearer " .. token
		end
		requests[#requests + 1] = wrk.format("GET", path, headers)
	end
end

function request()
	return requests[math.random(#requests)]
end
