#!/bin/sh
# Where there is no node, a test of this folder is reported as skipped.
echo "SKIPPED: $1 needs node 18 or newer, which this machine does not have"
exit 77
