"""What people do with the bridge, from the command line or the console: functions, without arguments and HTML."""
