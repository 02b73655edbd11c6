import SCons.Script

SCons.Script.main()
