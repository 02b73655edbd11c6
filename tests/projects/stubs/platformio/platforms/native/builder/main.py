from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
program = env.BuildProgram()
Default(program)
AlwaysBuild(env.Alias("exec", program, env.VerboseAction(str(program[0]), "Executing")))
