// SPDX-License-Identifier: BSD-2-Clause
// A JVM on the loopback: HTTP and HTTPS with HttpClient, selectors, asynchronous and UNIX channels, datagrams, names.
//	java Network FOLDER		FOLDER has both.p12, whose password is "secret", and gets a socket
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.*;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import javax.net.ssl.*;

public class Network {
	static String hash(byte[] data) throws Exception {
		return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data)).substring(0, 16);
	}

	static String failure(Callable<?> call) {
		try {
			call.call();
			return "no failure";
		} catch (Exception e) {
			return e.getClass().getSimpleName() + " " + e.getMessage();
		}
	}

	static void web(SSLContext tls, String address) throws Exception {
		InetSocketAddress at = new InetSocketAddress(InetAddress.getByName(address), 0);
		HttpServer server = tls == null ? HttpServer.create(at, 100) : HttpsServer.create(at, 100);
		ExecutorService threads = Executors.newFixedThreadPool(4);
		server.setExecutor(threads);
		if (tls != null)
			((HttpsServer) server).setHttpsConfigurator(new HttpsConfigurator(tls));
		server.createContext("/", (x) -> {
			byte[] body = x.getRequestBody().readAllBytes();
			byte[] out = (x.getRequestMethod() + x.getRequestURI() + body.length).getBytes();
			x.sendResponseHeaders(200, out.length);
			x.getResponseBody().write(out);
			x.close();
		});
		server.start();
		HttpClient.Builder builder = HttpClient.newBuilder();
		HttpClient client = (tls == null ? builder : builder.sslContext(tls)).build();
		String host = address.contains(":") ? "[" + address + "]" : tls == null ? address : "localhost";
		String url = (tls == null ? "http://" : "https://") + host + ":" + server.getAddress().getPort() + "/";
		List<CompletableFuture<String>> all = new ArrayList<>();
		for (int i = 0; i < 60; i++) {
			HttpRequest request = HttpRequest.newBuilder(URI.create(url + i))
				.POST(HttpRequest.BodyPublishers.ofByteArray(new byte[i * 5000])).build();
			all.add(client.sendAsync(request, BodyHandlers.ofString()).thenApply((r) -> r.statusCode() + r.body()));
		}
		StringBuilder text = new StringBuilder();
		for (CompletableFuture<String> one : all)
			text.append(one.get());
		System.out.println(address + " " + (tls != null) + " " + all.get(59).get() + " " + hash(text.toString().getBytes()));
		server.stop(0);
		threads.shutdown();
	}

	/* One thread and a selector send back what 50 clients send. */
	static void selector() throws Exception {
		Selector selector = Selector.open();
		ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0), 100);
		server.configureBlocking(false).register(selector, SelectionKey.OP_ACCEPT);
		Thread loop = new Thread(() -> {
			ByteBuffer buffer = ByteBuffer.allocateDirect(65536);
			try {
				while (server.isOpen()) {
					selector.select();
					if (!server.isOpen())
						break;
					for (SelectionKey key : selector.selectedKeys())
						serve(selector, server, key, buffer.clear());
					selector.selectedKeys().clear();
				}
			} catch (IOException e) {
				System.out.println(e);
			}
		});
		loop.start();
		ExecutorService threads = Executors.newFixedThreadPool(50);
		List<Future<Integer>> all = new ArrayList<>();
		for (int i = 0; i < 50; i++) {
			int size = 1000 * i + 1;
			all.add(threads.submit(() -> {
				try (Socket s = new Socket("127.0.0.1", server.socket().getLocalPort())) {
					s.setTcpNoDelay(true);
					s.getOutputStream().write(new byte[size]);
					s.shutdownOutput();
					return s.getInputStream().readAllBytes().length;
				}
			}));
		}
		StringBuilder text = new StringBuilder();
		for (Future<Integer> one : all)
			text.append(one.get()).append(' ');
		System.out.println("selector " + text);
		threads.shutdown();
		server.close();
		selector.wakeup();
		loop.join();
		selector.close();
	}

	static void serve(Selector selector, ServerSocketChannel server, SelectionKey key, ByteBuffer buffer) throws IOException {
		if (key.isAcceptable()) {
			server.accept().configureBlocking(false).register(selector, SelectionKey.OP_READ);
			return;
		}
		SocketChannel channel = (SocketChannel) key.channel();
		if (channel.read(buffer) < 0) {
			channel.close();
			return;
		}
		for (buffer.flip(); buffer.hasRemaining(); )
			channel.write(buffer);
	}

	static void channels(Path folder) throws Exception {
		Path file = Files.write(folder.resolve("java"), new byte[2000000]);
		AsynchronousServerSocketChannel server = AsynchronousServerSocketChannel.open().bind(new InetSocketAddress("::1", 0));
		AsynchronousSocketChannel client = AsynchronousSocketChannel.open();
		Future<AsynchronousSocketChannel> accepted = server.accept();
		client.connect(server.getLocalAddress()).get();
		System.out.println("asynchronous " + accepted.get().write(ByteBuffer.wrap("hello".getBytes())).get());
		ByteBuffer five = ByteBuffer.allocate(5);
		System.out.println(client.read(five).get() + new String(five.array()));
		UnixDomainSocketAddress at = UnixDomainSocketAddress.of(folder.resolve("socket-java"));
		ServerSocketChannel local = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(at);
		Thread sender = new Thread(() -> {
			try (FileChannel from = FileChannel.open(file, StandardOpenOption.READ); SocketChannel to = SocketChannel.open(at)) {
				for (long done = 0; done < from.size(); )
					done += from.transferTo(done, from.size() - done, to);	// sendfile
			} catch (IOException e) {
				System.out.println(e);
			}
		});
		sender.start();
		System.out.println("UNIX " + hash(Channels.newInputStream(local.accept()).readAllBytes()));
		sender.join();
	}

	static void datagrams() throws Exception {
		for (String address : new String[] { "127.0.0.1", "::1" }) {
			DatagramChannel server = DatagramChannel.open().bind(new InetSocketAddress(address, 0));
			DatagramSocket client = new DatagramSocket(new InetSocketAddress(address, 0));
			client.setSoTimeout(60000);
			client.connect(server.getLocalAddress());
			for (int size : new int[] { 1, 1472, 9000, 65000 }) {
				client.send(new DatagramPacket(new byte[size], size));
				ByteBuffer got = ByteBuffer.allocate(70000);
				SocketAddress from = server.receive(got);
				server.send(got.flip(), from);
				DatagramPacket back = new DatagramPacket(new byte[70000], 70000);
				client.receive(back);
				System.out.println(address + " " + back.getLength());
			}
			server.close();
			client.send(new DatagramPacket(new byte[1], 1));
			System.out.println(failure(() -> { client.receive(new DatagramPacket(new byte[1], 1)); return null; }));
		}
		NetworkInterface lo = NetworkInterface.getByName("lo");
		MulticastSocket group = new MulticastSocket(0);
		group.setTimeToLive(0);
		group.setOption(StandardSocketOptions.IP_MULTICAST_IF, lo);
		group.joinGroup(new InetSocketAddress("239.1.2.3", 0), lo);
		group.send(new DatagramPacket("group".getBytes(), 5, InetAddress.getByName("239.1.2.3"), group.getLocalPort()));
		DatagramPacket heard = new DatagramPacket(new byte[10], 10);
		group.receive(heard);
		System.out.println(new String(heard.getData(), 0, heard.getLength()));
	}

	static void names() throws Exception {
		for (NetworkInterface i : Collections.list(NetworkInterface.getNetworkInterfaces()))
			System.out.println(i.getIndex() + " " + i + " " + i.getMTU() + " " + i.isUp() + " " + i.isLoopback() + " "
				+ i.supportsMulticast() + " " + i.getInterfaceAddresses());
		System.out.println(InetAddress.getByName("localhost").isLoopbackAddress() + " " + InetAddress.getByName("127.0.0.1").isReachable(60000));
		ServerSocket taken = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
		System.out.println(failure(() -> new ServerSocket(taken.getLocalPort(), 5, InetAddress.getByName("127.0.0.1"))));
		try (Socket s = new Socket("127.0.0.1", taken.getLocalPort())) {
			s.setSoTimeout(20);
			System.out.println(failure(() -> s.getInputStream().read()));
			s.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
			s.setOption(jdk.net.ExtendedSocketOptions.TCP_KEEPIDLE, 77);
			System.out.println(s.getOption(jdk.net.ExtendedSocketOptions.TCP_KEEPIDLE) + " " + s.getOption(StandardSocketOptions.SO_LINGER)
				+ " " + s.supportedOptions().size());
			s.setOption(StandardSocketOptions.SO_LINGER, 0);
		}
		System.out.println(failure(() -> taken.accept().getInputStream().read()));
		taken.close();
		System.out.println(failure(() -> new Socket("127.0.0.1", taken.getLocalPort())));
		System.out.println(failure(() -> new Socket("192.0.2.1", 80)));
	}

	public static void main(String[] arguments) throws Exception {
		Path folder = Path.of(arguments[0]);
		char[] password = "secret".toCharArray();
		KeyStore store = KeyStore.getInstance("PKCS12");
		store.load(new FileInputStream(folder.resolve("both.p12").toFile()), password);
		KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
		keys.init(store, password);
		KeyStore trusted = KeyStore.getInstance("PKCS12");
		trusted.load(null, null);
		trusted.setCertificateEntry("own", store.getCertificate("1"));
		TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
		trust.init(trusted);
		SSLContext tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
		web(null, "127.0.0.1");
		web(null, "::1");
		web(tls, "127.0.0.1");
		selector();
		channels(folder);
		datagrams();
		names();
		System.exit(0);
	}
}
