-- One call after another for wrk: the same body, and with a file of tokens a fresh token each time.
-- Arguments: path, file with the body, file with one token a line or "-".

local requests, turn = {}, 0

function init(args)
   local file = assert(io.open(args[2], "rb"))
   local body = file:read("*a")
   file:close()
   local headers = { ["Content-Type"] = "application/json" }
   if args[3] == "-" then
      requests[1] = wrk.format("POST", args[1], headers, body)
      return
   end
   -- Heads only, and so not by wrk.format: a body for each token would fill the memory.
   local head = "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" ..
      "Authorization: Bearer %s\r\n\r\n"
   for token in io.lines(args[3]) do
      requests[#requests + 1] = string.format(head, args[1], wrk.headers["Host"], #body, token)
   end
   requests.body = body
end

function request()
   turn = turn % #requests + 1
   return requests.body and requests[turn] .. requests.body or requests[turn]
end

function done(summary, latency, _)
   local errors = summary.errors
   local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
   io.write(string.format('{"requests":%d,"errors":%d,"seconds":%.6f,"p50":%.6f,"p99":%.6f}\n',
      summary.requests, failed, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
