# SPDX-License-Identifier: BSD-2-Clause
# perl on the loopback: IO::Socket of every kind, TLS where IO::Socket::SSL is here, getaddrinfo, fork and select.
#	perl network.pl FOLDER		FOLDER has cert.pem and key.pem, and gets a socket
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(:all);

my $folder = shift;
my $have_ssl = eval { require IO::Socket::SSL; 1 };
my $data = join("\n", map { "line $_ " . "x" x ($_ % 100) } 1 .. 20000);
$| = 1;
$SIG{PIPE} = "IGNORE";

# A child answers each of so many clients with what it sent, until its end.
sub echo {
    my ($server, $clients) = @_;
    my $pid = fork() // die "fork: $!";
    return $pid if $pid;
    for (1 .. $clients) {
        my $client = $server->accept or die "accept: $!";
        local $/;
        my $text = <$client>;
        print $client sha256_hex($text), " ", length($text), "\n";
        close $client;
    }
    exit 0;
}

sub ask {
    my ($client) = @_;
    print $client $data;
    $client->flush;
    $client->shutdown(SHUT_WR);
    return join("", <$client>);
}

for my $address ("127.0.0.1", "::1") {
    my $server = IO::Socket::IP->new(Listen => 50, LocalHost => $address, ReuseAddr => 1) or die "listen: $@";
    my $pid = echo($server, 5);
    for (1 .. 5) {
        my $client = IO::Socket::IP->new(PeerHost => $address, PeerPort => $server->sockport, Type => SOCK_STREAM) or die "connect: $@";
        print "$address ", $client->peerhost, " ", ask($client);
    }
    waitpid $pid, 0;
    print "status $?\n";
    my $port = $server->sockport;
    close $server;
    IO::Socket::IP->new(PeerHost => $address, PeerPort => $port) or print "$!\n";
}

my $local = IO::Socket::UNIX->new(Local => "$folder/socket-perl", Listen => 5) or die "listen: $!";
my $pid = echo($local, 1);
print "UNIX ", ask(IO::Socket::UNIX->new(Peer => "$folder/socket-perl"));
waitpid $pid, 0;

if ($have_ssl) {
    my $server = IO::Socket::SSL->new(Listen => 5, LocalAddr => "127.0.0.1", SSL_cert_file => "$folder/cert.pem",
        SSL_key_file => "$folder/key.pem") or die "TLS: $IO::Socket::SSL::SSL_ERROR";
    my $child = fork() // die "fork: $!";
    if ($child == 0) {
        for (1 .. 3) {
            my $client = $server->accept or die "accept: $IO::Socket::SSL::SSL_ERROR";
            my $text = "";
            while (length $text < length $data) {           # a record at a time
                read($client, $text, length $data, length $text) or die "read: $IO::Socket::SSL::SSL_ERROR";
            }
            print $client sha256_hex($text), "\n";
            close $client;
        }
        exit 0;
    }
    for (1 .. 3) {
        my $client = IO::Socket::SSL->new(PeerAddr => "127.0.0.1", PeerPort => $server->sockport, SSL_hostname => "localhost",
            SSL_verifycn_name => "localhost", SSL_ca_file => "$folder/cert.pem") or die "TLS: $IO::Socket::SSL::SSL_ERROR";
        print $client $data;
        print "TLS ", $client->get_sslversion, " ", scalar(<$client>);
    }
    waitpid $child, 0;
    print "status $?\n";
}

# Many sockets of one process, by select.
my $server = IO::Socket::IP->new(Listen => 200, LocalHost => "127.0.0.1") or die "listen: $@";
my @clients = map { IO::Socket::IP->new(PeerHost => "127.0.0.1", PeerPort => $server->sockport) or die "connect: $@" } 1 .. 100;
my @served = map { scalar $server->accept } @clients;
syswrite $_, "hello " . fileno($_) for @clients;
my ($select, $bytes) = (IO::Select->new(@served), 0);
while ($select->count) {
    for my $ready ($select->can_read(60)) {
        $bytes += sysread $ready, my $text, 100;
        $select->remove($ready);
    }
}
print "select ", $bytes > 600, "\n";

for my $family (AF_INET, AF_INET6) {
    my $loopback = $family == AF_INET ? pack_sockaddr_in(0, INADDR_LOOPBACK) : pack_sockaddr_in6(0, IN6ADDR_LOOPBACK);
    my ($one, $two);
    for my $end ($one, $two) {
        socket($end, $family, SOCK_DGRAM, 0) && bind($end, $loopback) or die "bind: $!";
    }
    for my $size (0, 1, 1472, 9000, 65000) {
        defined send($two, "y" x $size, 0, getsockname $one) or die "send: $!";
        my $from = recv $one, my $text, 70000, 0;
        print "datagram ", length($text), " ", $from eq getsockname($two) ? "known" : "unknown", "\n";
    }
    setsockopt($one, SOL_SOCKET, SO_RCVTIMEO, pack("l!l!", 0, 20000)) or die "option: $!";
    recv($one, my $nothing, 1, 0) // print "$!\n";
}

my ($error, @found) = getaddrinfo("localhost", "https", { socktype => SOCK_STREAM, family => AF_INET });
print "$error ", join(" ", map { (getnameinfo($_->{addr}, NI_NUMERICHOST | NI_NUMERICSERV))[1, 2] } @found), "\n";
print join(" ", (getaddrinfo("no.such.name.invalid", 1, { flags => AI_NUMERICHOST }))[0] ? "no name" : "a name"), "\n";
print join(" ", (gethostbyname "localhost")[0], (getservbyname "http", "tcp")[2], (getprotobyname "udp")[2]), "\n";
