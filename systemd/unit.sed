# unit.sed: what a line of a unit stands for.
#
#	@secret NAME@, @secret NAME FILE@
#	the setting NAME, from credentials/FILE (or NAME): systemd gives the unit a
#	copy that no other sees; an empty one, which counts as not set, where there
#	is no such file
s|^@secret \([A-Z_]*\)@$|@secret \1 \1@|
s|^@secret \([A-Z_]*\) \([A-Za-z_.]*\)@$|Environment=\1_FILE=%d/\1\
SetCredential=\1:\\n\
LoadCredential=\1:@confdir@/credentials/\2|
