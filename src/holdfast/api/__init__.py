"""The REST API: it reads a published run or calls a verb, and computes nothing itself.

    request → cors → middleware (key, rate, size, time, headers, metrics, log) → fast path
                                                                               → FastAPI → resources

Every request is answered from the one run that was served when it came in: `Served`, held by the
`Store`.
"""
