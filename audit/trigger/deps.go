package trigger

import _ "github.com/robfig/cron/v3"
