// Package stat holds the pure statistics of the analyzer, each with its source. No function here knows of requests or containers.
package stat
