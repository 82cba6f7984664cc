package datadog_test

const childEnv = "LASTCALL_DATADOG_CHILD"

func child(string) int { return 0 }
