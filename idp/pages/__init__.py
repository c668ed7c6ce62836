"""The pages people see: server-rendered, complete without JavaScript, Vietnamese and English."""
