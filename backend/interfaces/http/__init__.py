"""The web process: Label Studio's ML protocol, jobs and figures over HTTP.

It never loads a model or a decoder; workers do that. Its modules split by noun: `app` assembles, `auth` and `body`
guard, `routes` speak Label Studio's protocol, `jobs` the jobs' own, `errors` translate, `metrics` count, `pulse`
keeps what /health says at hand.
"""
