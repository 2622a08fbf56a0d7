#!/bin/sh
# The request's body comes on standard input, its headers as $Http_...; standard error goes to the log: bramble logs
echo "called with $Http_Method $Http_Path" >&2
echo "hello $(cat)"
