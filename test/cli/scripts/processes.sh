#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What shell scripts ask of a kernel: processes, pipes, signals, job control, files. Its output must not
# depend on the machine: no process numbers, no times, no names of temporary files.
#     processes.sh FOLDER          FOLDER: empty, writable
set -u
cd "$1" || exit 2
export LC_ALL=C TZ=UTC0 PS4='+ '
umask 022

section() { printf '\n== %s\n' "$*"; }
# Until a condition holds, however busy the machine is: who runs this script has an end to it.
until_true() { until eval "$1"; do sleep 0.02; done; }
# Until a process runs sleep: bash's child may lose a TERM before its exec.
sleeps() { until_true "[[ \$(< /proc/$1/comm) == sleep ]]" 2>/dev/null; }

section pipes and exit statuses
printf '%s\n' one two three | tr a-z A-Z | sort -r
true | false | sh -c 'exit 3'
echo "statuses ${PIPESTATUS[*]}"
( set -o pipefail; false | true; echo "pipefail $?" )
sh -c 'exit 300'; echo "modulo $?"
sh -c 'kill -TERM $$'; echo "killed $?"
sh -c 'kill -KILL $$' 2>/dev/null; echo "killed $?"
{ nonexistent-command; } 2>/dev/null; echo "not found $?"
: > not-executable; ./not-executable 2>/dev/null; echo "not executable $?"
./. 2>/dev/null; echo "directory $?"
yes | head -n 100000 | wc -l
seq 1 20000 | while read -r n; do (( n % 5000 )) || echo "line $n"; done
! true; echo "negated $?"

section subshells and variables
x=1; ( x=2; echo "inside $x"; exit 7 ); echo "outside $x status $?"
x=$( exit 9 ); echo "substitution's status $?"
echo "nested $(echo "a $(echo "b $(echo c)")")"
echo "depth $( (echo $BASH_SUBSHELL; (echo $BASH_SUBSHELL)) | tr '\n' ' ')"
lines=$(seq 1 30000); echo "captured ${#lines} bytes"
v=parent; export v; bash -c 'echo "environment $v"; v=child'; echo "still $v"
env -i A=1 B=2 /usr/bin/env | sort

section here-documents
cat <<HERE
expanded $((6 * 7)) ${x:-empty}
HERE
cat <<'HERE'
literal $((6 * 7))
HERE
tr a-z A-Z <<< 'here-string'
long=$(printf 'x%.0s' {1..70000}); cat <<< "$long" | wc -c
while read -r a b; do echo "b=$b a=$a"; done <<-HERE
	first 1
	second 2
HERE

section redirections and descriptors
exec 5>out.txt; echo to five >&5; exec 5>&-; cat out.txt
echo error >&2 2>/dev/null | cat
{ echo both; echo err >&2; } > both.txt 2>&1; cat both.txt
exec 6<>both.txt; read -r line <&6; echo "first $line"; read -r line <&6; echo "then $line"; exec 6>&-
{ echo closed >&7; } 2>/dev/null; echo "closed descriptor $?"
echo append1 > a.txt; echo append2 >> a.txt; wc -l < a.txt
set -C; { echo again > a.txt; } 2>/dev/null; echo "noclobber $?"; set +C
exec {fd}<a.txt; read -r -u "$fd" line; echo "named $line"; exec {fd}<&-
cat /dev/fd/3 3<<< 'by /dev/fd'

section background jobs and wait
for n in 3 1 2; do (sleep 0.0$n; exit $n) & pids[n]=$!; done
for n in 1 2 3; do wait "${pids[n]}"; echo "job $n ended with $?"; done
wait 2147483 2>/dev/null; echo "not a child $?"
(sleep 0.05; exit 4) & wait -n; echo "wait -n $?"
sleep 100 & sleeper=$!; sleeps "$sleeper"; kill "$sleeper"; wait "$sleeper" 2>/dev/null; echo "terminated $?"
wait; echo "wait for all $?"
forty=(); for i in {1..40}; do (exit $((i % 3))) & forty+=($!); done
counts=(0 0 0); for job in "${forty[@]}"; do wait "$job"; (( counts[$?]++ )); done; echo "forty: ${counts[*]}"
# By its number: bash forgets a job that it has waited for, and one that had ended before only if it is named.
{ until_true "[[ -e early ]]"; echo late; } & late=$!; echo early; : > early; wait $late; rm early

section traps and signals
( trap 'echo "got USR1"' USR1; kill -USR1 $BASHPID; echo after )
( trap 'echo bye' EXIT; exit 5 ); echo "status $?"
( trap '' TERM; kill -TERM $BASHPID; echo "ignored TERM"; sh -c 'kill -TERM $$; echo "inherited"' )
bash -c 'trap "echo handler; exit 3" TERM; (sleep 0.05; kill -TERM $$) & sleep 5 & wait $!; echo "$?"'; echo "status $?"
bash -c 'trap "n=\$((n + 1))" USR1; n=0
for i in 1 2 3; do kill -USR1 $$; done; echo "counted $n"'
bash -c 'trap "echo CHLD" CHLD; set -m; /bin/true; echo done' | sort | uniq
bash -c 'trap "echo debug-\$?; exit" ERR; false; echo unreachable'
( sleep 100 & child=$!; sleeps $child
  kill -STOP $child; kill -CONT $child; kill -INT $child; kill -9 $child
  wait $child 2>/dev/null; echo "after stop, continue, kill: $?" )
timeout 0.1 sleep 10; echo "timeout $?"
timeout -s KILL 0.1 sleep 10; echo "timeout -s KILL $?"
kill -l 15; kill -l | wc -w; kill -0 $$; echo "kill -0 $?"

section job control
set -m
sleep 100 & first=$!; sleep 100 | sleep 101 & second=$!	# no cat: it may see the end of its input before its TERM
sleeps $first; sleeps "$(jobs -p %2)"; sleeps $second
jobs | sed 's/[0-9][0-9]* *sleep/sleep/' ; kill -STOP %1; until_true '[[ $(jobs -s) ]]'; jobs -s | wc -l
kill -CONT %1; until_true '[[ ! $(jobs -s) ]]'; jobs -r | wc -l
kill %1 %2; wait $first 2>/dev/null; echo "%1 $?"; wait $second 2>/dev/null; echo "%2 $?"
(kill -STOP $BASHPID; exit 6) & until_true '[[ $(jobs -s) ]]'; fg %% > /dev/null 2>&1; echo "fg $?"
bash -c 'ps -o pgid= -p $$ | tr -d " "; echo $$' | uniq | wc -l
set +m 2>/dev/null
setsid sh -c 'test "$(ps -o sid= -p $$ | tr -d " ")" = $$' ; echo "session leader $?"

section process substitution and coprocesses
diff <(seq 1 5) <(seq 2 6); echo "diff $?"
paste <(echo a; echo b) <(echo c; echo d)
seq 1 5 | tee >(awk '{ s += $1 } END { print "sum", s > "sum.txt" }') > /dev/null
until_true '[[ -s sum.txt ]]'; cat sum.txt
coproc UP { tr a-z A-Z; }; up=$UP_PID; exec {answer}<&"${UP[0]}"
echo coprocess >&"${UP[1]}"; eval "exec ${UP[1]}>&-"; cat <&"$answer"; wait "$up"; echo "coproc $?"
mapfile -t rows < <(printf '%s\n' r1 r2 r3); echo "${#rows[@]} ${rows[2]}"

section fifos
mkfifo queue; (for i in 1 2 3; do echo "item $i"; done > queue) & while read -r line; do echo "$line"; done < queue
wait; [[ -p queue ]]; echo "fifo $?"; rm queue
mkfifo a b; cat < a > b & (echo through two > a) & cat b; wait; rm a b

section arrays and arithmetic
declare -A age=([ann]=31 [bob]=27); for k in $(printf '%s\n' "${!age[@]}" | sort); do echo "$k ${age[$k]}"; done
list=(3 1 2); IFS=$'\n' sorted=($(sort -n <<< "${list[*]}")); unset IFS; echo "${sorted[*]} ${#list[@]} ${list[*]:1}"
fib() { (( $1 < 2 )) && echo "$1" || echo $(( $(fib $(($1 - 1))) + $(fib $(($1 - 2))) )); }; fib 9
printf -v hex '%04x' 48879; echo "$hex ${hex^^} ${hex:1:2} $((0x7fffffffffffffff + 1))"
case abc in (a*c) echo glob;; esac; [[ foo123 =~ ([0-9]+) ]] && echo "${BASH_REMATCH[1]}"

section files and find, xargs, sort, awk, sed
mkdir -p tree/{a,b,c}/{1,2}; for d in tree/*/*; do seq 1 ${#d} > "$d/file"; ln -s file "$d/link"; done
find tree -type f | sort | xargs -n 2 -P 2 cat | sort -n | uniq -c | awk '{ print $2 ":" $1 }' | paste -sd' '
find tree -type l -name link -print0 | xargs -0 -n1 readlink | sort | uniq -c | sed 's/^ *//'
find tree -name file -exec sh -c 'wc -l < "$1"' _ {} \; | awk '{ s += $1 } END { print s }'
cp -r tree copy && diff -r tree copy && echo same; mv copy moved; rm -r moved; ls | tr '\n' ' '; echo
f=$(mktemp ./tmp.XXXXXX) && echo x > "$f" && stat -c '%a %s %F' "$f" && rm "$f"
chmod 640 a.txt; stat -c %a a.txt; touch -d @86400 a.txt; stat -c %Y a.txt; ln a.txt hard; stat -c %h hard
tar cf - tree | tar tf - | sort | wc -l; tar cf - tree | (mkdir un && cd un && tar xf -) && diff -r tree un/tree && echo untarred
sort -R <(seq 1 1000) | sort -n | sed -n '1p;$p'; seq 1 100000 | split -l 25000 - part.; ls part.* | wc -l
cat part.* | md5sum; gzip -c part.aa | gunzip | cksum; seq 1 3 | xargs -I{} sh -c 'echo "<{}>"'

section limits, exec and times
( ulimit -n 64; ulimit -n; exec 63</dev/null && echo "63 opens"; { exec 64</dev/null; } 2>/dev/null ); echo "over the limit $?"
( ulimit -f 1; yes > big 2>/dev/null ); echo "file size $?"; wc -c < big
( ulimit -c 0; ulimit -t 1; while :; do :; done ) 2>/dev/null; echo "CPU time $?"
( ulimit -v 300000; perl -e '$x = "a" x 1000000000' 2>/dev/null; echo "address space $?" )
( exec echo replaced; echo unreachable ); ( exec -a name sh -c 'echo $0' )
nice -n 5 nice; ( umask 077; umask ); nohup true 2>/dev/null; echo "nohup $?"
since=$EPOCHSECONDS; real=$( { time -p sleep 0.1; } 2>&1 | awk '/real/ { print $2 }')
echo "time $(awk "BEGIN { print ($real >= 0.1 && $real < $EPOCHSECONDS - $since + 2) }")"
read -r -t 0.05 never < <(exec sleep 100); echo "read -t $?"; kill -9 $!; flock lock.txt true; echo "flock $?"
[[ $$ == $(sh -c 'echo $PPID') ]] && echo "parent known"; [[ -d /proc/$$/fd ]] && echo "/proc/self"

section signals between processes
bash -c 'trap "got=USR2" USR2; (until [[ -e enough ]]; do kill -USR2 $$; sleep 0.05; done) & wait $!; echo "got $got $(($? > 128))"; : > enough; wait'
bash -c 'trap "echo one; trap - TERM; kill -TERM \$\$" TERM; kill -TERM $$; echo never'; echo "again $?"
( trap 'echo hup' HUP; bash -c 'kill -HUP $PPID'; echo "after hup" )
bash -c 'trap "" PIPE; yes 2>/dev/null; echo "yes $?" >&2' 2>&1 >/dev/full | tail -1
yes | head -1; echo "${PIPESTATUS[0]}"
bash -c 'trap "" PIPE; { echo a; echo b; } | true; echo "no signal ${PIPESTATUS[0]}"' 2>/dev/null | sed 's/[01]$/N/'
for s in HUP QUIT USR1 USR2 PIPE ALRM TERM VTALRM PROF IO PWR SYS RTMIN RTMAX; do ( ulimit -c 0; kill -$s $BASHPID ) 2>/dev/null; echo -n "$s $? "; done; echo
for s in CHLD URG WINCH CONT; do ( kill -$s $BASHPID; echo -n "$s ignored " ); done; echo
bash -c 'sleep 100 & p=$!; (until [[ $(< /proc/$p/comm) = sleep ]]; do sleep 0.02; done; kill -INT $p; kill -TERM $p) & wait $p; echo "a background job ignores INT: $?"' 2>/dev/null
bash -c 'set -m; (trap "echo group" TERM; sleep 100 & until [[ $(< /proc/$!/comm) = sleep ]]; do sleep 0.02; done; : > ready; wait; exit 9) & p=$!; until [[ -e ready ]]; do sleep 0.02; done; kill -TERM -- -$p; wait $p; echo "$?"' 2>/dev/null
# Their time is over (ALRM) once the child has its trap, and timeout waits for it.
bash -c 'timeout -k 0.1 1000 sh -c "trap \"\" TERM; : > ignores; while :; do sleep 0.02; done" & t=$!
until [[ -e ignores && $(< /proc/$t/status) == *State:?S* ]]; do sleep 0.02; done; kill -ALRM $t; wait $t; echo "timeout -k $?"' 2>/dev/null
bash -c 'timeout --preserve-status -s USR1 1000 bash -c "trap \"echo cleanup; exit 9\" USR1; : > catches; while :; do sleep 0.02; done" & t=$!
until [[ -e catches && $(< /proc/$t/status) == *State:?S* ]]; do sleep 0.02; done; kill -ALRM $t; wait $t; echo "preserved $?"'

section orphans, zombies and waiting
bash -c '(me=$BASHPID; while [[ $(ps -o ppid= -p $me) -eq $$ ]]; do sleep 0.02; done; echo "another parent" > orphan.txt) & exit'
until_true '[[ -s orphan.txt ]]'; cat orphan.txt
bash -c 'sleep 0.05 & a=$!; sleep 100 & b=$!; wait -n -p first $a $b; [[ $first == "$a" ]] && echo "first is a: $?"; kill -9 $b'
perl -e 'if (!($pid = fork)) { exit 3 } while (1) { select undef, undef, undef, 0.02; open F, "/proc/$pid/stat"; last if ($s = (split " ", <F>)[2]) eq "Z" } print "$s\n"; waitpid $pid, 0; print $? >> 8, "\n"; print -e "/proc/$pid" ? "there" : "gone", "\n"'
perl -e '$SIG{CHLD} = "IGNORE"; for (1 .. 20) { fork or exit 1 } print wait, "\n"'
# A child of bash that has not come to its exec may lose a TERM: each says when it can be killed.
a=(); for i in 1 2 3 4; do sh -c 'echo >> up; exec sleep 100' & a+=($!); done; until_true '[[ -s up && $(wc -l < up) == 4 ]]'
kill "${a[@]}"; for p in "${a[@]}"; do wait "$p" 2>/dev/null; echo -n "$? "; done; echo

section more of files and text
dir=$(mktemp -d ./dir.XXXXXX); ln -s "$dir" to; [[ $(readlink -f to) == "$(cd "$dir" && pwd -P)" ]] && echo "readlink -f"; rm to; rmdir "$dir"
dd if=/dev/zero of=zeros bs=1000 count=3 seek=2 2>/dev/null; stat -c %s zeros; truncate -s 10 zeros; od -An -tx1 zeros; cmp zeros /dev/zero 2>&1 | grep -c EOF
printf '%s\n' b a c > l; printf '%s\n' c d > r; comm -12 <(sort l) r; join <(printf '1 x\n2 y\n') <(printf '1 z\n2 w\n'); cut -d' ' -f2 <<< "x y z"
exec 8>lock9; flock -n 8 && ( flock -n 9 || echo "locked out" ) 9>lock9; exec 8>&-; flock -n lock9 echo "free again"
mkfifo in out; (while read -r line <&3; do echo "<$line>"; done 3<in >out) & exec 3>in 4<out; echo ping >&3; read -r answer <&4; echo "$answer"; exec 3>&- 4<&-; wait; rm in out
( set -e; false; echo never ); echo "set -e $?"; ( set -u; : "$undefined" ) 2>/dev/null; echo "set -u $?"
f() { trap 'echo returned' RETURN; local x=inner; return 4; }; f; echo "function $?"
exec 5>&1 6>swap.txt; { echo out; echo err >&2; } >&6 2>&5; exec 5>&- 6>&-; cat swap.txt
seq 1 1000 | tee >(wc -l > c1) >(md5sum | cut -c1-8 > c2) | tail -1; until_true '[[ -s c1 && -s c2 ]]'; cat c1 c2
seq 1 40 | xargs -P 8 -n 1 sh -c 'exit $(($1 % 2))' _; echo "xargs -P $?"; ( cd / && pwd; cd "$OLDPWD" && [[ -e l ]] && echo back )

section environment, arguments and standard streams
printf '<%s>' "a b" c "" $'t\tn'; echo; set -- one "two words" three; echo "$# $2 ${*: -1}"; shift; echo "$@"
A=1 B="x y" env | grep -E '^[AB]=' | sort; (unset HOME; echo "${HOME-unset}"); env -u PATH /bin/sh -c 'echo ok'
seq 1 3000 | xargs echo | wc -c; printf '%s\0' a 'b c' | xargs -0 -n1 echo; getconf ARG_MAX | grep -c '^[0-9]'
sh -c 'echo "$0 $1 $#"' zero first second; bash -c 'echo ${BASH_SOURCE[0]-none} $-' | tr -d B
cat < /dev/null | wc -c; echo x | tee /dev/stderr 2>&1 >/dev/null; : > /dev/full && echo opened; echo y 2>/dev/null > /dev/full || echo "full $?"
read -r -n 3 three <<< abcdef; echo "$three"; read -r -d : field <<< a:b; echo "$field"; IFS=, read -r a b c <<< 1,2,3,4; echo "$a $b $c"
printf '#!/bin/sh\necho "script $1"\nexit 12\n' > run.sh; chmod +x run.sh; ./run.sh me; echo $?; printf '#!/no/such\n' > bad.sh; chmod +x bad.sh; ./bad.sh 2>/dev/null; echo $?
printf '#!./run.sh arg\n' > chain.sh; chmod +x chain.sh; ./chain.sh 2>/dev/null; echo "a script as an interpreter $?"; hash -r; type -t ls cd f

section "a shell in a shell in a shell"
bash -c 'bash -c "bash -c \"echo \\\$SHLVL levels >&2; exit 11\"; exit \$?"; exit $?' 2>&1 | sed 's/[0-9]*//' ; echo "${PIPESTATUS[0]}"
for i in 1 2 3; do for j in 1 2 3; do ( ( echo "$i$j" ) ); done; done | paste -sd,
exec sh -c 'echo "the end"; exit 42'
