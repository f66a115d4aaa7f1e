import django.db.models.deletion
import wxauth.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AccessToken',
            fields=[
                ('appid', wxauth.fields.ByteExactField(max_length=32, primary_key=True, serialize=False, verbose_name='appid')),
                ('sealed_token', models.TextField(blank=True, verbose_name='sealed access_token')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires at')),
                ('lease_holder', wxauth.fields.ByteExactField(blank=True, max_length=32, verbose_name='lease holder')),
                ('leased_until', models.DateTimeField(blank=True, null=True, verbose_name='leased until')),
            ],
            options={
                'verbose_name': 'access_token',
                'verbose_name_plural': 'access_token',
            },
        ),
        migrations.CreateModel(
            name='Identity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('platform', wxauth.fields.ByteExactField(max_length=32, verbose_name='platform')),
                ('unionid', wxauth.fields.ByteExactField(blank=True, max_length=64, null=True, verbose_name='unionid')),
            ],
            options={
                'verbose_name': 'identity',
                'verbose_name_plural': 'identities',
            },
        ),
        migrations.CreateModel(
            name='DailyCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('appid', wxauth.fields.ByteExactField(max_length=32, verbose_name='appid')),
                ('name', wxauth.fields.ByteExactField(max_length=40, verbose_name='name')),
                ('value', models.BigIntegerField(default=0, verbose_name='count')),
            ],
            options={
                'verbose_name': 'daily count',
                'verbose_name_plural': 'daily counts',
                'constraints': [models.UniqueConstraint(fields=('day', 'appid', 'name'), name='wxauth_count_uniq')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', wxauth.fields.ByteExactField(max_length=32, verbose_name='kind')),
                ('user', wxauth.fields.ByteExactField(max_length=150, verbose_name='user')),
                ('other', wxauth.fields.ByteExactField(blank=True, max_length=150, verbose_name='other user')),
                ('appid', wxauth.fields.ByteExactField(blank=True, max_length=32, verbose_name='appid')),
                ('actor', wxauth.fields.ByteExactField(blank=True, max_length=150, verbose_name='actor')),
                ('request_id', wxauth.fields.ByteExactField(blank=True, max_length=64, verbose_name='request ID')),
                ('detail', models.JSONField(blank=True, default=dict, verbose_name='details')),
                ('created_at', models.DateTimeField(verbose_name='time')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
                'indexes': [models.Index(fields=['user', '-created_at'], name='wxauth_event_user_idx'), models.Index(fields=['other', '-created_at'], name='wxauth_event_other_idx')],
            },
        ),
        migrations.CreateModel(
            name='Merge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', wxauth.fields.ByteExactField(max_length=150, verbose_name='given up')),
                ('target', wxauth.fields.ByteExactField(max_length=150, verbose_name='survivor')),
                ('automatic', models.BooleanField(default=False, verbose_name='at login')),
                ('actor', wxauth.fields.ByteExactField(blank=True, max_length=150, verbose_name='actor')),
                ('rows', models.JSONField(default=list, verbose_name='rows')),
                ('accounts', models.JSONField(default=dict, verbose_name='accounts')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('undone_at', models.DateTimeField(blank=True, null=True, verbose_name='undone at')),
            ],
            options={
                'verbose_name': 'merge',
                'verbose_name_plural': 'merges',
                'indexes': [models.Index(fields=['source', 'target'], name='wxauth_merge_pair_idx'), models.Index(fields=['target'], name='wxauth_merge_target_idx')],
            },
        ),
        migrations.CreateModel(
            name='OpenId',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('appid', wxauth.fields.ByteExactField(max_length=32, verbose_name='appid')),
                ('openid', wxauth.fields.ByteExactField(max_length=64, verbose_name='openid')),
                ('failures', models.PositiveSmallIntegerField(default=0, verbose_name='failures')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('identity', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='openids', to='wxauth.identity', verbose_name='identity')),
            ],
            options={
                'verbose_name': 'openid',
                'verbose_name_plural': 'openids',
            },
        ),
        migrations.CreateModel(
            name='Person',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='wxauth_person', serialize=False, to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ('nickname', models.CharField(blank=True, max_length=64, verbose_name='nickname')),
                ('nickname_appid', wxauth.fields.ByteExactField(blank=True, max_length=32, verbose_name='nickname from app')),
                ('avatar', models.FileField(blank=True, max_length=200, upload_to='wxauth/avatars/', verbose_name='avatar')),
                ('avatar_url', models.CharField(blank=True, max_length=1024, verbose_name='avatar address')),
                ('avatar_appid', wxauth.fields.ByteExactField(blank=True, max_length=32, verbose_name='avatar from app')),
                ('sealed_phone', wxauth.fields.ByteExactField(blank=True, max_length=255, null=True, verbose_name='sealed phone')),
                ('phone_hash', wxauth.fields.ByteExactField(blank=True, max_length=43, null=True, verbose_name='phone hash')),
                ('phone_tail', wxauth.fields.ByteExactField(blank=True, max_length=16, null=True, verbose_name='phone tail hash')),
                ('phone_appid', wxauth.fields.ByteExactField(blank=True, max_length=32, verbose_name='phone from app')),
                ('blocked_at', models.DateTimeField(blank=True, null=True, verbose_name='blocked at')),
                ('blocked_by', models.CharField(blank=True, max_length=150, verbose_name='blocked by')),
                ('blocked_reason', models.CharField(blank=True, max_length=200, verbose_name='reason of the block')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('last_seen_on', models.DateField(blank=True, null=True, verbose_name='last seen on')),
                ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='merged_from', to='wxauth.person', verbose_name='merged into')),
            ],
            options={
                'verbose_name': 'person',
                'verbose_name_plural': 'people',
                'permissions': [('merge_person', 'Can merge people')],
            },
        ),
        migrations.CreateModel(
            name='Login',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', wxauth.fields.ByteExactField(max_length=43, verbose_name='token digest')),
                ('sealed_session_key', wxauth.fields.ByteExactField(blank=True, max_length=255, null=True, verbose_name='sealed session_key')),
                ('channel', wxauth.fields.ByteExactField(max_length=32, verbose_name='channel')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('expires_at', models.DateTimeField(verbose_name='expires at')),
                ('revoked_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                ('user_agent', models.CharField(blank=True, max_length=200, verbose_name='user agent')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='address')),
                ('via', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='logins', to='wxauth.openid', verbose_name='openid')),
                ('person', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='logins', to='wxauth.person', verbose_name='person')),
            ],
            options={
                'verbose_name': 'login',
                'verbose_name_plural': 'logins',
            },
        ),
        migrations.AddField(
            model_name='identity',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='identities', to='wxauth.person', verbose_name='person'),
        ),
        migrations.CreateModel(
            name='Conflict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('appid', wxauth.fields.ByteExactField(max_length=32, verbose_name='appid')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='wxauth.person', verbose_name='owner of the unionid')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='wxauth.person', verbose_name='person')),
            ],
            options={
                'verbose_name': 'conflict',
                'verbose_name_plural': 'conflicts',
            },
        ),
        migrations.CreateModel(
            name='SpentData',
            fields=[
                ('digest', wxauth.fields.ByteExactField(max_length=43, primary_key=True, serialize=False, verbose_name='digest')),
                ('expires_at', models.DateTimeField(verbose_name='expires at')),
            ],
            options={
                'verbose_name': 'spent data',
                'verbose_name_plural': 'spent data',
                'indexes': [models.Index(fields=['expires_at'], name='wxauth_spent_expires_idx')],
            },
        ),
        migrations.AddConstraint(
            model_name='openid',
            constraint=models.UniqueConstraint(fields=('openid', 'appid'), name='wxauth_openid_uniq'),
        ),
        migrations.AddIndex(
            model_name='person',
            index=models.Index(fields=['phone_tail'], name='wxauth_person_tail_idx'),
        ),
        migrations.AddIndex(
            model_name='person',
            index=models.Index(fields=['-created_at', '-user'], name='wxauth_person_created_idx'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.UniqueConstraint(fields=('phone_hash',), name='wxauth_person_phone_uniq'),
        ),
        migrations.AddIndex(
            model_name='login',
            index=models.Index(fields=['expires_at'], name='wxauth_login_expires_idx'),
        ),
        migrations.AddIndex(
            model_name='login',
            index=models.Index(fields=['via', '-created_at'], name='wxauth_login_via_idx'),
        ),
        migrations.AddIndex(
            model_name='login',
            index=models.Index(fields=['person', '-created_at'], name='wxauth_login_person_idx'),
        ),
        migrations.AddConstraint(
            model_name='login',
            constraint=models.UniqueConstraint(fields=('digest',), name='wxauth_login_digest_uniq'),
        ),
        migrations.AddConstraint(
            model_name='identity',
            constraint=models.UniqueConstraint(fields=('unionid', 'platform'), name='wxauth_identity_unionid_uniq'),
        ),
        migrations.AddConstraint(
            model_name='conflict',
            constraint=models.UniqueConstraint(fields=('person', 'owner'), name='wxauth_conflict_uniq'),
        ),
    ]
