# SPDX-License-Identifier: BSD-2-Clause
# Ruby on the loopback: TCPServer, UDPSocket, UNIXServer, Net::HTTP, TLS, what getifaddrs says.
#	ruby network.rb FOLDER		FOLDER has cert.pem and key.pem, and gets a socket
require "digest/sha2" # now: of threads that load it together, some find a class that is not complete
require "net/http"
require "openssl"
require "socket"

$stdout.sync = true # a descriptor of it has a buffer of its own
Thread.abort_on_exception = true # else its peer would wait for ever
folder = ARGV[0]
DATA_SENT = (1..20000).map { |n| "line #{n} #{"x" * (n % 100)}\n" }.join

def short_hash(text) = Digest::SHA256.hexdigest(text)[0, 16]

def echo(server)
  Thread.new do
    loop do
      client = server.accept
      Thread.new { client.write(short_hash(client.read)); client.close }
    end
  rescue IOError, Errno::EBADF, Errno::EINVAL
    nil
  end
end

def ask(client)
  client.write(DATA_SENT)
  client.close_write
  client.read
end

["127.0.0.1", "::1"].each do |address|
  server = TCPServer.new(address, 0)
  thread = echo(server)
  puts (1..30).map { Thread.new { ask(TCPSocket.new(address, server.addr[1])) } }.map(&:value).tally.inspect
  port = server.addr[1]
  begin
    TCPServer.new(address, port)
  rescue SystemCallError => e
    puts e.class
  end
  server.close
  thread.join
  begin
    TCPSocket.new(address, port)
  rescue SystemCallError => e
    puts e.class
  end
end

UNIXServer.open("#{folder}/socket-ruby") do |server|
  echo(server)
  puts ask(UNIXSocket.new("#{folder}/socket-ruby"))
end
here, there = UNIXSocket.pair
here.send_io($stdout)
there.recv_io.tap { |io| io.puts "a descriptor" }.close

context = OpenSSL::SSL::SSLContext.new
context.cert = OpenSSL::X509::Certificate.new(File.read("#{folder}/cert.pem"))
context.key = OpenSSL::PKey.read(File.read("#{folder}/key.pem"))
tcp = TCPServer.new("127.0.0.1", 0)
server = OpenSSL::SSL::SSLServer.new(tcp, context)
Thread.new do
  loop do
    Thread.new(server.accept) do |client|
      head = client.gets
      nil while client.gets.strip != ""
      client.write("HTTP/1.1 200 OK\r\nContent-Length: #{DATA_SENT.size}\r\nConnection: close\r\n\r\n#{DATA_SENT}") if head
      client.close
    end
  end
end
5.times do |n|
  http = Net::HTTP.new("localhost", tcp.addr[1], nil)
  http.ipaddr = "127.0.0.1"
  http.use_ssl = true
  http.ca_file = "#{folder}/cert.pem"
  answer = http.get("/#{n}")
  puts "#{answer.code} #{short_hash(answer.body)}"
end

[["127.0.0.1", Socket::AF_INET], ["::1", Socket::AF_INET6]].each do |address, family|
  one, two = UDPSocket.new(family), UDPSocket.new(family)
  one.bind(address, 0)
  two.connect(address, one.addr[1])
  [0, 1, 1472, 9000, 65000].each do |size|
    two.send("y" * size, 0)
    text, from = one.recvfrom(70000)
    puts "#{text.size} #{from[0]} #{from[3]}"
  end
  begin
    one.recvfrom_nonblock(1)
  rescue IO::WaitReadable
    puts "nothing"
  end
  one.close
  two.send("nobody", 0)
  begin
    two.recv(1)
  rescue SystemCallError => e
    puts e.class
  end
end

puts Socket.getifaddrs.map { |i| [i.name, i.ifindex, i.flags & 0x49, i.addr&.ipv4? && i.addr.ip_address, i.netmask&.ipv4? && i.netmask.ip_address].inspect }
puts Addrinfo.tcp("localhost", "https").ip_port, Socket.ip_address_list.map(&:ip_address).inspect
begin
  Socket.tcp("192.0.2.1", 80, connect_timeout: 5)
rescue SystemCallError => e
  puts e.class
end
