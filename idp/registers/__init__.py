"""The population register and the business register: what they hold, how they are read, filled and imitated."""
