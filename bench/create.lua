-- create.lua: bookings of two hours: random customers, franchises and days.
-- Each names a child that nobody named before.
dofile(os.getenv("BENCH_DIR") .. "/report.lua")
local tokens, franchises, days = {}, {}, {}
local count = 0
local seed = os.getenv("BENCH_SEED")

local body = '{"franchise_id":"%s","start_datetime":"%sT%02d:00:00Z",'
    .. '"end_datetime":"%sT%02d:00:00Z","customer_info":{"name":"John Doe",'
    .. '"email":"john%d@example.com","phone":"+1234567890",'
    .. '"emergency_contact":"Jane Doe +1234567891"},"child_info":{'
    .. '"name":"Alice %s-%d","age":5,"allergies":"Peanuts",'
    .. '"pickup_authorization":"John Doe, Jane Doe"}}'
local head = "POST /api/v1/bookings HTTP/1.1\r\nHost: localhost\r\n"
    .. "Content-Type: application/json\r\nAuthorization: Bearer %s\r\n"
    .. "Content-Length: %d\r\n\r\n%s"

local function lines(name, into)
	for line in io.lines(os.getenv(name)) do
		into[#into + 1] = line
	end
end

function init(args)
	math.randomseed(tonumber(seed))
	lines("BENCH_TOKENS", tokens)
	lines("BENCH_FRANCHISES", franchises)
	lines("BENCH_DAYS", days)
end

function request()
	local customer = math.random(#tokens)
	local day = days[math.random(#days)]
	local hour = math.random(8, 16)
	count = count + 1
	local text = string.format(body, franchises[math.random(#franchises)],
	    day, hour, day, hour + 2, customer, seed, count)
	return string.format(head, tokens[customer], #text, text)
end
