-- fixed.lua: the same GET again and again.
dofile(os.getenv("BENCH_DIR") .. "/report.lua")
