# SPDX-License-Identifier: BSD-2-Clause
# perl's fork, wait, pipes, signals, alarms, exec, locks, sockets; prints what holds, as TAP.
use strict;
use warnings;
use Errno;
use Fcntl qw(:flock);
use File::Temp qw(tempfile);
use IO::Handle;
use IPC::Open3;
use POSIX qw(:sys_wait_h :signal_h);
use Socket;
use Time::HiRes qw(usleep ualarm);

$| = 1;
my $n = 0;
sub is { my ($got, $want, $what) = @_; $n++; print $got eq $want ? "ok $n - $what\n" : "not ok $n - $what: $got, not $want\n" }

# fork and wait
my $pid = fork // die; exit 7 if !$pid;
is(waitpid($pid, 0), $pid, "waitpid gives the child"); is($? >> 8, 7, "its status");
my %children = map { my $p = fork // die; exit $_ if !$p; $p => $_ } 1 .. 20; my $right = 0;
while ((my $p = wait) > 0) { $right++ if $children{$p} == $? >> 8 } is($right, 20, "twenty children");
is(wait, -1, "no more"); is($!{ECHILD} ? 1 : 0, 1, "ECHILD");
$pid = fork // die; if (!$pid) { kill KILL => $$; sleep 10 } waitpid $pid, 0; is($? & 127, 9, "killed itself");
$pid = fork // die; if (!$pid) { sleep 100; exit } is(waitpid($pid, WNOHANG), 0, "WNOHANG"); kill TERM => $pid;
waitpid $pid, 0; is(WTERMSIG($?), SIGTERM, "TERM");
$pid = fork // die; if (!$pid) { kill STOP => $$; exit 3 } 
is(waitpid($pid, WUNTRACED), $pid, "stopped");
kill CONT => $pid; waitpid $pid, 0; is(WEXITSTATUS($?), 3, "continued");
my $orphan = `sh -c '(while [ -e /proc/\$\$/exe ]; do sleep 0.01; done; echo still here) & echo parent gone'`; is($orphan, "parent gone\nstill here\n", "an orphan");

# signals
my @seen; local $SIG{USR1} = sub { push @seen, "USR1" }; kill USR1 => $$; is("@seen", "USR1", "a handler");
{ local $SIG{ALRM} = sub { die "alarm\n" }; eval { ualarm 50_000; sleep 5; 1 }; is($@, "alarm\n", "an alarm ends a sleep") }
{ my $first = 1; local $SIG{ALRM} = sub { ualarm 0; die "alarm\n" if $first-- > 0 }; # one of them comes while it reads
  pipe my $r, my $w; eval { ualarm 50_000, 50_000; sysread $r, my $x, 1; 1 };
  is($@, "alarm\n", "an alarm ends a read") }
my $dead = 0; { local $SIG{CHLD} = sub { while (waitpid(-1, WNOHANG) > 0) { $dead++ } };
  for (1 .. 10) { my $p = fork // die; exit if !$p } usleep 10_000 while $dead < 10 }
is($dead, 10, "SIGCHLD");
my $set = POSIX::SigSet->new(SIGUSR2); my $got = 0; $SIG{USR2} = sub { $got++ };
sigprocmask SIG_BLOCK, $set; kill USR2 => $$; is($got, 0, "blocked"); sigprocmask SIG_UNBLOCK, $set; is($got, 1, "then delivered");
{ local $SIG{PIPE} = 'IGNORE'; pipe my $r, my $w; close $r; syswrite($w, "x") // is($!{EPIPE} ? 1 : 0, 1, "EPIPE") }
$pid = fork // die; if (!$pid) { $SIG{INT} = 'IGNORE'; exec 'sh', '-c', 'kill -INT $$; exit 4' } waitpid $pid, 0;
is($? >> 8, 4, "exec keeps what is ignored");
pipe my $group, my $member; $pid = fork // die; if (!$pid) { setpgrp; fork; syswrite $member, "x"; sleep 100; exit }
close $member; my $x; sysread $group, $x, 1 for 1 .. 2; kill TERM => -$pid;
waitpid $pid, 0; is(($? & 127) + sysread($group, $x, 1), 15, "a process group");

# pipes and programs
open my $sort, '|-', 'sort -n > /dev/null' or die; print $sort "$_\n" for reverse 1 .. 5000; is(close($sort) ? 1 : 0, 1, "a pipe to a program");
open my $seq, '-|', 'seq', '1', '10000' or die; my $sum = 0; $sum += $_ while <$seq>; close $seq; is($sum, 50005000, "a pipe from a program");
my $kind = open(my $kid, '-|') // die; if (!$kind) { print "from the fork"; exit } is(<$kid>, "from the fork", "open -|"); close $kid;
$pid = open3(my $in, my $out, undef, 'tr a-z A-Z'); print $in "open3"; close $in; is(<$out>, "OPEN3", "open3"); waitpid $pid, 0;
is(`echo \$\$ | wc -l` + 0, 1, "backticks"); system 'exit 9;'; is($? >> 8, 9, "system"); is(system('/no/such/program 2>/dev/null') >> 8, 127, "no such program");
socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die; $pid = fork // die;
if (!$pid) { close $a; my $line = <$b>; print $b uc $line; $b->flush; POSIX::_exit(0) } close $b; print $a "pair\n"; $a->flush; is(<$a>, "PAIR\n", "a socketpair"); waitpid $pid, 0;
my ($lock, $file) = tempfile(); flock $lock, LOCK_EX; $pid = fork // die;
if (!$pid) { open my $l, '>', $file or die; exit(flock($l, LOCK_EX | LOCK_NB) ? 1 : 0) } waitpid $pid, 0; is($? >> 8, 0, "flock"); unlink $file;
my ($user, $system, $cuser, $csystem) = times; is($cuser + $csystem > 0 ? 1 : 0, 1, "times of children");
is(getppid() != $$ && getpgrp() > 0 ? 1 : 0, 1, "identities");
exec 'sh', '-c', "echo 1..$n";
